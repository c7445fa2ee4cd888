/**
 * Runs generators side by side and yields their values, tagged with the generator's index, as they come. Each runs at
 * most one value ahead. The first failure is thrown; whatever way it ends, all generators are closed. `stop` must make
 * a pending value settle.
 */
export async function* merge<T>(
  generators: readonly AsyncGenerator<T, void, undefined>[],
  stop: () => void,
): AsyncGenerator<readonly [index: number, value: T], void, undefined> {
  const settled: { index: number; result: Promise<IteratorResult<T, void>> }[] = [];
  let wake = (): void => undefined;
  const advance = (generator: AsyncGenerator<T, void, undefined>, index: number): void => {
    const result = generator.next();
    const done = (): void => {
      settled.push({ index, result });
      wake();
    };
    result.then(done, done);
  };
  try {
    generators.forEach(advance);
    let running = generators.length;
    while (running > 0) {
      const next = settled.shift();
      if (next === undefined) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
        continue;
      }
      const { done, value } = await next.result;
      if (done) {
        running -= 1;
        continue;
      }
      yield [next.index, value];
      const generator = generators[next.index];
      if (generator !== undefined) advance(generator, next.index);
    }
  } finally {
    stop();
    await Promise.allSettled(generators.map((generator) => generator.return()));
  }
}
