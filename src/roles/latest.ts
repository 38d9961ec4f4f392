/** The newest of something that is read once by its CID and kept. A read that failed is forgotten, so that it is tried again. */
export class Latest<T> {
  #held: { readonly cid: string; readonly value: Promise<T> } | undefined;

  /** @param drop called with what is replaced. */
  constructor(private readonly drop: (value: T) => void = () => undefined) {}

  get(cid: string, read: () => Promise<T>): Promise<T> {
    if (this.#held?.cid === cid) return this.#held.value;
    this.#held?.value.then(this.drop, () => undefined);
    const held = { cid, value: read() };
    this.#held = held;
    held.value.catch(() => {
      if (this.#held === held) this.#held = undefined;
    });
    return held.value;
  }
}
