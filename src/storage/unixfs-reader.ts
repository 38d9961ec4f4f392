import { decode } from '@ipld/dag-pb';
import { UnixFS } from 'ipfs-unixfs';
import type { CID } from 'multiformats/cid';

import { DAG_PB_CODEC, RAW_CODEC } from '../protocol/cid.js';
import { InvalidInputError } from '../protocol/errors.js';
import { readBlock } from './blocks.js';
import type { Blocks } from './blocks.js';
import { contentMalformed, contentNotFound, contentTooLarge } from './errors.js';
import type { ByteRange } from './interface.js';

/** Links of one node under the profile. */
export const MAX_LINKS = 1_024;
/** 1,024⁶ leaves of 1 MiB are more than 2⁶⁴ bytes: a deeper graph is an attack. */
const MAX_DEPTH = 6;
const MAX_PATH_SEGMENTS = 32;

type Source = Pick<Blocks, 'get'>;

interface Child {
  readonly cid: CID;
  readonly sizeBytes: bigint;
}

type Node =
  | { readonly kind: 'leaf'; readonly bytes: Uint8Array }
  | { readonly kind: 'tree'; readonly children: readonly Child[]; readonly sizeBytes: bigint }
  | { readonly kind: 'directory'; readonly entries: ReadonlyMap<string, CID> };

/**
 * Decodes a block that has been hashed. Accepts what the profile makes and nothing more general: leaves are raw blocks, an
 * inner node holds links to non-empty children and no data. So the work of reading is bounded by the bytes that come
 * out; a looser reader can be sent through 2^depth nodes that yield nothing.
 */
function decodeNode(cid: CID, block: Uint8Array): Node {
  if (cid.code === RAW_CODEC) return { kind: 'leaf', bytes: block };
  const name = cid.toString();
  const { links, unixfs } = decodeDagPb(cid, block);
  if (unixfs.type === 'directory') {
    const entries = new Map<string, CID>();
    for (const link of links) {
      const entry = link.Name ?? '';
      if (entry === '' || entries.has(entry)) throw contentMalformed(name, `entry name ${JSON.stringify(entry)} is empty or appears twice`);
      entries.set(entry, link.Hash);
    }
    return { kind: 'directory', entries };
  }
  if (unixfs.type !== 'file') throw contentMalformed(name, `its type is ${unixfs.type}, expected file or directory`);
  if (unixfs.data !== undefined) throw contentMalformed(name, 'it holds data itself, expected raw leaves');
  if (links.length === 0 || links.length > MAX_LINKS) throw contentMalformed(name, `it has ${links.length} links, expected 1 to ${MAX_LINKS}`);
  if (links.length !== unixfs.blockSizes.length) {
    throw contentMalformed(name, `it has ${links.length} links and ${unixfs.blockSizes.length} sizes`);
  }
  let total = 0n;
  const children = links.map((link, i) => {
    const sizeBytes = unixfs.blockSizes[i] ?? 0n;
    if (sizeBytes <= 0n) throw contentMalformed(name, `link ${i} is said to hold no bytes`);
    total += sizeBytes;
    return { cid: link.Hash, sizeBytes };
  });
  return { kind: 'tree', children, sizeBytes: total };
}

function decodeDagPb(cid: CID, block: Uint8Array): { links: ReturnType<typeof decode>['Links']; unixfs: UnixFS } {
  if (cid.code !== DAG_PB_CODEC) throw contentMalformed(cid.toString(), `codec 0x${cid.code.toString(16)}`);
  try {
    const node = decode(block);
    return { links: node.Links, unixfs: UnixFS.unmarshal(node.Data ?? new Uint8Array()) };
  } catch (cause) {
    throw contentMalformed(cid.toString(), cause instanceof Error ? cause.message : String(cause));
  }
}

/**
 * Follows a path through directories. @returns the CID at its end.
 * @throws R3mesError CONTENT_NOT_FOUND, INVALID_INPUT for a path through a file.
 */
export async function resolvePath(blocks: Source, root: CID, path: string, signal?: AbortSignal): Promise<CID> {
  const segments = path.split('/').filter((s) => s !== '');
  if (segments.length > MAX_PATH_SEGMENTS) {
    throw new InvalidInputError(`expected a path of at most ${MAX_PATH_SEGMENTS} parts, got ${segments.length}`);
  }
  let at = root;
  for (const segment of segments) {
    const node = decodeNode(at, await readBlock(blocks, at, signal));
    if (node.kind !== 'directory') throw new InvalidInputError(`${at.toString()} is a file, so it has no entry ${JSON.stringify(segment)}`);
    const next = node.entries.get(segment);
    if (next === undefined) {
      const names = [...node.entries.keys()].slice(0, 10).join(', ');
      throw contentNotFound(`${root.toString()}/${path} (directory ${at.toString()} has: ${names})`, 'path');
    }
    at = next;
  }
  return at;
}

/** The files in a directory and their sizes, as their root blocks say. @throws R3mesError CONTENT_NOT_FOUND, CONTENT_MALFORMED; INVALID_INPUT for a file. */
export async function listFiles(blocks: Source, root: CID, signal?: AbortSignal): Promise<Map<string, bigint>> {
  const node = decodeNode(root, await readBlock(blocks, root, signal));
  if (node.kind !== 'directory') throw new InvalidInputError(`${root.toString()} is a file, expected a directory`);
  const sizes = new Map<string, bigint>();
  for (const [name, cid] of node.entries) {
    const entry = decodeNode(cid, await readBlock(blocks, cid, signal));
    if (entry.kind !== 'directory') sizes.set(name, entry.kind === 'leaf' ? BigInt(entry.bytes.length) : entry.sizeBytes);
  }
  return sizes;
}

interface Pending {
  readonly cid: CID;
  readonly start: bigint;
  /** As the parent says; unknown for the root. */
  readonly sizeBytes: bigint | undefined;
  readonly depth: number;
}

/**
 * Streams a file or a range of it, one block at a time and only as fast as the consumer takes them: memory is one block
 * and the links of the nodes above it. Sizes that a node claims are checked against what its children hold.
 */
export async function* readFile(
  blocks: Source,
  root: CID,
  options: { readonly maxBytes: bigint; readonly range?: ByteRange | undefined; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<Uint8Array, void, undefined> {
  const { maxBytes, signal } = options;
  let range = options.range;
  const stack: Pending[] = [{ cid: root, start: 0n, sizeBytes: undefined, depth: 0 }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    signal?.throwIfAborted();
    const node = decodeNode(next.cid, await readBlock(blocks, next.cid, signal));
    if (node.kind === 'directory') throw notAFile(next, root);
    const sizeBytes = node.kind === 'leaf' ? BigInt(node.bytes.length) : node.sizeBytes;
    if (next.sizeBytes === undefined) {
      if (sizeBytes > maxBytes) throw contentTooLarge(root.toString(), sizeBytes, maxBytes);
      range ??= { offset: 0n, length: sizeBytes };
      checkRange(range, sizeBytes, root);
    } else if (next.sizeBytes !== sizeBytes) {
      throw contentMalformed(next.cid.toString(), `it holds ${sizeBytes} bytes where its parent says ${next.sizeBytes}`);
    }
    const { offset, length } = range ?? { offset: 0n, length: sizeBytes };
    const end = offset + length;
    if (node.kind === 'leaf') {
      const from = offset > next.start ? Number(offset - next.start) : 0;
      const to = end - next.start < sizeBytes ? Number(end - next.start) : node.bytes.length;
      if (to > from) yield node.bytes.subarray(from, to);
      continue;
    }
    if (next.depth >= MAX_DEPTH) throw contentMalformed(next.cid.toString(), `it lies ${next.depth} levels deep, expected at most ${MAX_DEPTH}`);
    pushOverlapping(stack, node.children, next, offset, end);
  }
}

/** Pushes the children that hold bytes of [offset, end), last first, so that the first is read next. */
function pushOverlapping(stack: Pending[], children: readonly Child[], parent: Pending, offset: bigint, end: bigint): void {
  const wanted: Pending[] = [];
  let start = parent.start;
  for (const child of children) {
    const after = start + child.sizeBytes;
    if (after > offset && start < end) wanted.push({ cid: child.cid, start, sizeBytes: child.sizeBytes, depth: parent.depth + 1 });
    start = after;
  }
  stack.push(...wanted.reverse());
}

function checkRange(range: ByteRange, sizeBytes: bigint, root: CID): void {
  if (range.offset < 0n || range.length < 0n || range.offset + range.length > sizeBytes) {
    throw new InvalidInputError(`expected a range within the ${sizeBytes} bytes of ${root.toString()}, got ${range.length} bytes from ${range.offset}`);
  }
}

function notAFile(at: Pending, root: CID): Error {
  if (at.depth > 0) return contentMalformed(at.cid.toString(), 'it is a directory inside a file');
  return new InvalidInputError(`${root.toString()} is a directory, expected a file`, 'name a file in it by its path');
}
