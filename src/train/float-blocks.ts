/** Floats of any type in blocks of one size, whatever the parts are in which their bytes come: two files are compared side by side. */
import { widened, type Dtype } from './safetensors.js';

export const BLOCK_VALUES = 65_536;

export class FloatBlocks {
  #left = new Float32Array();
  readonly #parts: AsyncIterator<Uint8Array, undefined, undefined>;

  /** @param name for messages. @param parts of whole elements. */
  constructor(
    private readonly dtype: Dtype,
    parts: AsyncGenerator<Uint8Array>,
    private readonly name: string,
  ) {
    this.#parts = parts as AsyncIterator<Uint8Array, undefined, undefined>;
  }

  /** The next `BLOCK_VALUES` values, fewer at the end; then nothing. */
  async next(): Promise<Float32Array | undefined> {
    while (this.#left.length < BLOCK_VALUES) {
      const part = await this.#parts.next();
      if (part.done === true) break;
      const more = widened({ dtype: this.dtype, shape: [], bytes: part.value }, this.name);
      const joined = new Float32Array(this.#left.length + more.length);
      joined.set(this.#left);
      joined.set(more, this.#left.length);
      this.#left = joined;
    }
    const block = this.#left.subarray(0, BLOCK_VALUES);
    this.#left = this.#left.subarray(BLOCK_VALUES);
    return block.length === 0 ? undefined : block;
  }
}
