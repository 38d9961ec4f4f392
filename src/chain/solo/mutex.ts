/** One at a time, in order of asking. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    // Whoever comes next waits for the end, however it was.
    this.#last = result.catch(() => undefined);
    return result;
  }
}
