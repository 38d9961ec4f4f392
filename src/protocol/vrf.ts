/**
 * ECVRF-EDWARDS25519-SHA512-TAI of RFC 9381: a keyed function whose output anybody can check and nobody can choose.
 * Steps are named after the sections of the RFC.
 */
import { createHash } from 'node:crypto';

import { ed25519 } from '@noble/curves/ed25519.js';

import { concatBytes } from './bytes.js';
import { InvalidInputError } from './errors.js';

type Point = InstanceType<typeof ed25519.Point>;

const { Point } = ed25519;
const ORDER = Point.CURVE().n;
const COFACTOR = 8n;
const SUITE = 0x03;
const CHALLENGE_BYTES = 16;

export const VRF_SECRET_BYTES = 32;
export const VRF_PUBLIC_BYTES = 32;
export const VRF_PROOF_BYTES = 80;
export const VRF_OUTPUT_BYTES = 64;

function sha512(...parts: readonly Uint8Array[]): Uint8Array {
  const h = createHash('sha512');
  for (const p of parts) h.update(p);
  return new Uint8Array(h.digest());
}

function toScalar(littleEndian: Uint8Array): bigint {
  let n = 0n;
  for (let i = littleEndian.length - 1; i >= 0; i--) n = (n << 8n) | BigInt(littleEndian[i] ?? 0);
  return n;
}

function fromScalar(value: bigint, length: number): Uint8Array {
  const out = new Uint8Array(length);
  let n = value;
  for (let i = 0; i < length; i++) {
    out[i] = Number(n & 0xffn);
    n >>= 8n;
  }
  return out;
}

/** string_to_point: nothing for bytes that are no canonical point. */
function decodePoint(bytes: Uint8Array): Point | undefined {
  try {
    return Point.fromBytes(bytes);
  } catch {
    return undefined; // the library's way to say «not a point»
  }
}

const byte = (value: number): Uint8Array => Uint8Array.of(value);

/** 5.4.1.1: try and increment. */
function encodeToCurve(publicKey: Uint8Array, alpha: Uint8Array): Point {
  for (let counter = 0; counter < 256; counter++) {
    const hash = sha512(byte(SUITE), byte(1), publicKey, alpha, byte(counter), byte(0));
    const point = decodePoint(hash.subarray(0, 32))?.multiplyUnsafe(COFACTOR);
    if (point !== undefined && !point.is0()) return point;
  }
  throw new InvalidInputError('no curve point within 256 tries'); // probability 2^-256
}

/** 5.4.3 */
function challenge(points: readonly Point[]): bigint {
  const hash = sha512(byte(SUITE), byte(2), ...points.map((p) => p.toBytes()), byte(0));
  return toScalar(hash.subarray(0, CHALLENGE_BYTES));
}

/** 5.2: the output of a proof's point. */
function proofToHash(gamma: Point): Uint8Array {
  return sha512(byte(SUITE), byte(3), gamma.multiplyUnsafe(COFACTOR).toBytes(), byte(0));
}

function expandSecret(secret: Uint8Array): { scalar: bigint; prefix: Uint8Array } {
  if (secret.length !== VRF_SECRET_BYTES) {
    throw new InvalidInputError(`expected a VRF secret of ${VRF_SECRET_BYTES} bytes, got ${secret.length}`);
  }
  const hashed = sha512(secret);
  const head = hashed.slice(0, 32);
  head[0] = (head[0] ?? 0) & 248;
  head[31] = ((head[31] ?? 0) & 127) | 64;
  return { scalar: toScalar(head), prefix: hashed.subarray(32) };
}

/** @throws InvalidInputError unless the secret has 32 bytes. */
export function vrfPublicKey(secret: Uint8Array): Uint8Array {
  return Point.BASE.multiply(expandSecret(secret).scalar % ORDER).toBytes();
}

/** 5.1: proof (80 bytes) and output (64 bytes) for `alpha`. */
export function vrfProve(secret: Uint8Array, alpha: Uint8Array): { proof: Uint8Array; output: Uint8Array } {
  const { scalar, prefix } = expandSecret(secret);
  const x = scalar % ORDER;
  const y = Point.BASE.multiply(x);
  const h = encodeToCurve(y.toBytes(), alpha);
  const gamma = h.multiply(x);
  const k = toScalar(sha512(prefix, h.toBytes())) % ORDER; // 5.4.2.2
  const c = challenge([y, h, gamma, Point.BASE.multiply(k), h.multiply(k)]);
  const s = (k + c * x) % ORDER;
  return { proof: concatBytes(gamma.toBytes(), fromScalar(c, CHALLENGE_BYTES), fromScalar(s, 32)), output: proofToHash(gamma) };
}

/** 5.3: the output if `proof` is right for `alpha` under `publicKey`, else nothing. Small-order keys and s ≥ L are refused. */
export function vrfVerify(publicKey: Uint8Array, alpha: Uint8Array, proof: Uint8Array): Uint8Array | undefined {
  if (publicKey.length !== VRF_PUBLIC_BYTES || proof.length !== VRF_PROOF_BYTES) return undefined;
  const y = decodePoint(publicKey);
  const gamma = decodePoint(proof.subarray(0, 32));
  if (y === undefined || gamma === undefined || y.isSmallOrder()) return undefined;
  const c = toScalar(proof.subarray(32, 32 + CHALLENGE_BYTES));
  const s = toScalar(proof.subarray(32 + CHALLENGE_BYTES));
  if (s >= ORDER) return undefined;
  const h = encodeToCurve(publicKey, alpha);
  const u = Point.BASE.multiplyUnsafe(s).subtract(y.multiplyUnsafe(c));
  const v = h.multiplyUnsafe(s).subtract(gamma.multiplyUnsafe(c));
  return challenge([y, h, gamma, u, v]) === c ? proofToHash(gamma) : undefined;
}
