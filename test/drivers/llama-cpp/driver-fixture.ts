import { llamaCpp } from "../../../drivers/llama-cpp/index.ts";
import { driverFixture } from "../local/driver-fixture.ts";

export const { loadContext, loadModel, removeCache } = driverFixture(llamaCpp);
