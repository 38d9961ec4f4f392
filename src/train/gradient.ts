/** Gradient files and their hash: docs/protocol.md §4. */
import { createHash } from 'node:crypto';

import { equalBytes, toHex, u32be } from '../protocol/bytes.js';
import { InvalidInputError } from '../protocol/errors.js';
import { taggedHash, type HashField } from '../protocol/hash.js';
import { ARITHMETIC_VERSION } from '../native/index.js';
import { expectNothingLeft, slotValues, takeTensors, tensorsOf } from './adapter.js';
import { readSafetensors, writeSafetensors } from './safetensors.js';
import type { AdapterLayout, GradientIdentity } from './types.js';

/** Number of the encoding in the protocol: dense binary32. */
const DENSE_F32 = 1n;

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Names, shapes and values of tensors as fields of a hash. */
function tensorFields(layout: AdapterLayout, values: Float32Array): HashField[] {
  return layout.slots.flatMap((slot) => [slot.name, 2n, BigInt(slot.shape[0]), BigInt(slot.shape[1]), 'F32', bytesOf(slotValues(values, slot))]);
}

/** Binds the values to everything that they follow from. @throws InvalidInputError for an alpha that the protocol cannot write. */
export function gradientHash(identity: GradientIdentity, layout: AdapterLayout, lossBits: number, gradients: Float32Array): Uint8Array {
  const { rank, alpha, targets } = layout.lora;
  if (!Number.isSafeInteger(alpha)) throw new InvalidInputError(`LoRA: alpha is ${alpha}, expected a whole number: the gradient hash has no other`);
  return taggedHash(
    'gradient',
    BigInt(ARITHMETIC_VERSION),
    identity.backboneCid,
    identity.baseAdapterCid,
    identity.jobId,
    BigInt(rank),
    BigInt(alpha),
    BigInt(targets.length),
    ...targets,
    BigInt(identity.sequenceLength),
    BigInt(identity.chunkTokens),
    DENSE_F32,
    u32be(lossBits),
    BigInt(layout.slots.length),
    ...tensorFields(layout, gradients),
  );
}

/** H("losses", count, each loss): what shows that a job was computed and not only its hash copied. */
export function lossesDigest(losses: BigInt64Array): Uint8Array {
  const fields = [...losses].map((loss) => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigInt64(0, loss);
    return bytes;
  });
  return taggedHash('losses', BigInt(losses.length), ...fields);
}

export function writeGradientFile(layout: AdapterLayout, gradients: Float32Array): Uint8Array {
  return writeSafetensors(new Map(tensorsOf(layout, gradients)));
}

/** Reads a gradient file. @throws InvalidInputError where it is not exactly this layout's tensors, finite, in canonical form. */
export function readGradientFile(bytes: Uint8Array, layout: AdapterLayout): Float32Array {
  const what = 'gradient file';
  const tensors = readSafetensors(bytes, what);
  const gradients = takeTensors(tensors, layout, what);
  expectNothingLeft(tensors, what);
  if (!equalBytes(digest(writeGradientFile(layout, gradients)), digest(bytes))) {
    throw new InvalidInputError(`${what}: it is not in canonical form (names in byte order, no metadata, no gaps)`);
  }
  return gradients;
}

function digest(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}

export interface ExpectedGradient {
  readonly identity: GradientIdentity;
  readonly layout: AdapterLayout;
  readonly lossBits: number;
  readonly gradientHash: Uint8Array;
}

/** Reads a gradient file and holds it against the hash of its submission. @throws InvalidInputError */
export function verifyGradientFile(bytes: Uint8Array, expected: ExpectedGradient): Float32Array {
  const gradients = readGradientFile(bytes, expected.layout);
  const seen = gradientHash(expected.identity, expected.layout, expected.lossBits, gradients);
  if (!equalBytes(seen, expected.gradientHash)) {
    throw new InvalidInputError(`gradient file: its hash is ${toHex(seen)}, the submission says ${toHex(expected.gradientHash)}`);
  }
  return gradients;
}

/** Bits of a binary32 value. */
export function floatBits(value: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return view.getUint32(0);
}
