/** Parameters of a request, read by name and checked where they are read. All of them may be left out. */
import { RpcError, type RawParams } from './jsonrpc.js';

const INTEGER = /^-?[0-9]{1,19}$/;
const HEX = /^(?:[0-9a-fA-F]{2})*$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const I64_MAX = (1n << 63n) - 1n;
/** JSON brings ids that people wrote by hand: show enough of them to be found, and no more. */
const SHOWN = 60;

export class Args {
  readonly #params: RawParams;
  readonly #names: readonly string[];

  /** @param names of the method's parameters, for those who send them by position. */
  constructor(params: RawParams, names: readonly string[]) {
    this.#params = params;
    this.#names = names;
  }

  /** A signed 64-bit integer, as text or as a number. */
  int(name: string): bigint | undefined {
    const value = this.#value(name);
    if (value === undefined) return undefined;
    const text = typeof value === 'number' && Number.isSafeInteger(value) ? value.toString() : unquoted(value);
    if (text === undefined || !INTEGER.test(text)) throw wrong(name, 'a 64-bit integer', value);
    const parsed = BigInt(text);
    if (parsed > I64_MAX || parsed < -I64_MAX) throw wrong(name, 'a 64-bit integer', value);
    return parsed;
  }

  flag(name: string): boolean {
    const value = this.#value(name);
    const text = typeof value === 'boolean' ? String(value) : value === undefined ? 'false' : unquoted(value);
    if (text !== 'true' && text !== 'false') throw wrong(name, 'true or false', value);
    return text === 'true';
  }

  text(name: string): string | undefined {
    const value = this.#value(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'string') throw wrong(name, 'a text', value);
    return this.#params.source === 'uri' ? unquoted(value) : value;
  }

  /** Bytes: base64 in JSON; in a URI hexadecimal after 0x, or a text in quotes. */
  bytes(name: string): Uint8Array | undefined {
    return this.#bytes(name, BASE64, 'base64');
  }

  /** Bytes: hexadecimal in JSON, and in a URI as `bytes`. */
  hexBytes(name: string): Uint8Array | undefined {
    return this.#bytes(name, HEX, 'hex');
  }

  #bytes(name: string, form: RegExp, encoding: 'base64' | 'hex'): Uint8Array | undefined {
    const value = this.#value(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'string') throw wrong(name, `bytes in ${encoding}`, value);
    if (this.#params.source === 'uri') {
      if (/^0x/i.test(value) && HEX.test(value.slice(2))) return new Uint8Array(Buffer.from(value.slice(2), 'hex'));
      if (value.length >= 2 && value.startsWith('"') && value.endsWith('"')) return new Uint8Array(Buffer.from(value.slice(1, -1), 'utf8'));
      throw wrong(name, 'bytes as 0x… or as a text in quotes', value);
    }
    const text = encoding === 'hex' ? value.replace(/^0x/i, '') : value;
    if (!form.test(text)) throw wrong(name, `bytes in ${encoding}`, value);
    return new Uint8Array(Buffer.from(text, encoding));
  }

  #value(name: string): unknown {
    const { source, values } = this.#params;
    if (source === 'uri') {
      const text = values.get(name);
      return text === null || text === '' ? undefined : text;
    }
    if (source === 'positional') return values[this.#names.indexOf(name)] ?? undefined;
    return Object.hasOwn(values, name) ? (values[name] ?? undefined) : undefined;
  }
}

/** A text without the quotes that people put around values in URIs. */
function unquoted(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

function wrong(name: string, expected: string, value: unknown): RpcError {
  return RpcError.invalidParams(`error converting params to arguments: ${name}: expected ${expected}, got ${JSON.stringify(value).slice(0, SHOWN)}`);
}
