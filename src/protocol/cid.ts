import { base32 } from 'multiformats/bases/base32';
import { CID } from 'multiformats/cid';
import * as digest from 'multiformats/hashes/digest';

import { InvalidInputError } from './errors.js';
import { sha256 } from './hash.js';

/** Codec of a block that is nothing but bytes: a leaf of a file, or a whole file of at most one chunk. */
export const RAW_CODEC = 0x55;
/** Codec of a UnixFS node with links: a longer file or a directory. */
export const DAG_PB_CODEC = 0x70;
/** Multihash code of SHA-256. */
export const SHA2_256_CODE = 0x12;
/** Bytes of one leaf under the `unixfs-v1-2025` profile. */
export const CHUNK_BYTES = 1_048_576;

/** `b` and the base32 of 36 bytes: version, codec, hash code, hash length, 32 bytes of digest. */
const CID_TEXT_LENGTH = 59;
const DIGEST_BYTES = 32;

const HINT = 'Kubo prints such CIDs with: ipfs add --profile=unixfs-v1-2025 (or --cid-version=1 --chunker=size-1048576)';

/**
 * Reads the one spelling of a CID that r3mes uses: CIDv1, base32 in lower case, SHA-256, codec raw or dag-pb.
 * One content has one spelling, so that texts may be compared and hashed.
 * @throws InvalidInputError says what was seen and what was expected.
 */
export function parseCid(text: string): CID {
  const seen = JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
  if (text.length === 46 && text.startsWith('Qm')) {
    throw new InvalidInputError(`expected a CIDv1 in base32, got the CIDv0 ${seen}`, HINT);
  }
  if (!text.startsWith('b')) throw new InvalidInputError(`expected a CIDv1 in lower-case base32 (b…), got ${seen}`, HINT);
  // Loose, so that the messages below can still name another codec or hash; it only keeps decoding cheap.
  if (text.length > 256) throw new InvalidInputError(`expected a CID of ${CID_TEXT_LENGTH} characters, got ${text.length}: ${seen}`, HINT);
  let cid: CID;
  try {
    cid = CID.parse(text, base32);
  } catch {
    throw new InvalidInputError(`expected a CIDv1 of ${CID_TEXT_LENGTH} characters in base32, got ${seen}, which does not decode`, HINT);
  }
  checkCid(cid, seen);
  // Encoded anew: the decoder ignores case and unused bits, and toString() would repeat the text that was parsed.
  const canonical = base32.encode(cid.bytes);
  if (canonical !== text) throw new InvalidInputError(`expected the canonical spelling ${canonical}, got ${seen}`);
  return cid;
}

/**
 * The same rules for a CID that came as bytes, e.g. a link inside a block.
 * @throws InvalidInputError
 */
export function checkCid(cid: CID, seen = cid.toString()): void {
  if (cid.version !== 1) throw new InvalidInputError(`expected a CIDv1, got version ${cid.version}: ${seen}`, HINT);
  if (cid.code !== RAW_CODEC && cid.code !== DAG_PB_CODEC) {
    throw new InvalidInputError(`expected codec raw (0x55) or dag-pb (0x70), got 0x${cid.code.toString(16)}: ${seen}`, HINT);
  }
  if (cid.multihash.code !== SHA2_256_CODE || cid.multihash.digest.length !== DIGEST_BYTES) {
    throw new InvalidInputError(
      `expected a SHA-256 hash (0x12, 32 bytes), got 0x${cid.multihash.code.toString(16)} of ${cid.multihash.digest.length} bytes: ${seen}`,
      HINT,
    );
  }
}

/** The CID of one block with these bytes. Pure: nothing is stored. */
export function blockCid(codec: typeof RAW_CODEC | typeof DAG_PB_CODEC, bytes: Uint8Array): CID {
  return CID.createV1(codec, digest.create(SHA2_256_CODE, sha256(bytes)));
}

/**
 * The CID of a file of at most one chunk (1 MiB), which is one raw block.
 * @throws InvalidInputError for longer content: its CID is that of a tree, which the content store builds.
 */
export function cidOfBytes(bytes: Uint8Array): CID {
  if (bytes.length > CHUNK_BYTES) {
    throw new InvalidInputError(`expected at most ${CHUNK_BYTES} bytes for a single block, got ${bytes.length}`);
  }
  return blockCid(RAW_CODEC, bytes);
}
