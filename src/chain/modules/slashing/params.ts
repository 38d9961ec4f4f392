import { utf8 } from '../../../protocol/bytes.js';
import { DECIMAL_ONE, decimalFromWire, parseDecimal, roundWhole } from '../../../protocol/decimal.js';
import { InvalidInputError } from '../../../protocol/errors.js';
import type { Params } from '../../../protocol/gen/cosmos/slashing/v1beta1/slashing.js';

const MAX_WINDOW = 1_000_000n;
const MAX_JAIL_SECONDS = 3650n * 86_400n;

/** Decimals of these parameters travel as the digits of the integer, in a bytes field. */
export const decimalBytes = (value: bigint): Uint8Array => utf8(value.toString());
export const readDecimalBytes = (bytes: Uint8Array): bigint => decimalFromWire(Buffer.from(bytes).toString('latin1'));

/** Who signs less than 5 % of 10,000 blocks loses 0.01 % and sits for ten minutes; who signs twice loses 5 % and never returns. */
export function defaultSlashingParams(): Params {
  return {
    signedBlocksWindow: 10_000n,
    minSignedPerWindow: decimalBytes(parseDecimal('0.05')),
    downtimeJailDuration: { seconds: 600n, nanos: 0 },
    slashFractionDoubleSign: decimalBytes(parseDecimal('0.05')),
    slashFractionDowntime: decimalBytes(parseDecimal('0.0001')),
  };
}

function requireFraction(name: string, bytes: Uint8Array): void {
  const value = readDecimalBytes(bytes);
  if (value > DECIMAL_ONE) throw new InvalidInputError(`${name}: expected at most 1, got ${value} of 10⁻¹⁸`);
}

/** @throws InvalidInputError naming the wrong field. */
export function checkSlashingParams(params: Params): void {
  const { signedBlocksWindow, downtimeJailDuration } = params;
  if (signedBlocksWindow < 1n || signedBlocksWindow > MAX_WINDOW) {
    throw new InvalidInputError(`signed_blocks_window: expected 1 to ${MAX_WINDOW} blocks, got ${signedBlocksWindow}`);
  }
  const { seconds, nanos } = downtimeJailDuration ?? { seconds: 0n, nanos: 0 };
  if (seconds < 1n || seconds > MAX_JAIL_SECONDS || nanos !== 0) {
    throw new InvalidInputError(`downtime_jail_duration: expected 1 to ${MAX_JAIL_SECONDS} whole seconds, got ${seconds} s and ${nanos} ns`);
  }
  requireFraction('min_signed_per_window', params.minSignedPerWindow);
  requireFraction('slash_fraction_double_sign', params.slashFractionDoubleSign);
  requireFraction('slash_fraction_downtime', params.slashFractionDowntime);
}

/** Blocks of a window that may be missed. */
export function maxMissed({ signedBlocksWindow, minSignedPerWindow }: Params): bigint {
  return signedBlocksWindow - roundWhole(readDecimalBytes(minSignedPerWindow) * signedBlocksWindow);
}
