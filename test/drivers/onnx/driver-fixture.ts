import { onnx } from "../../../drivers/onnx/index.ts";
import { driverFixture } from "../local/driver-fixture.ts";

export const { loadContext, loadModel, removeCache } = driverFixture(onnx);
