import type { SoloEngine } from '../solo/engine.js';
import { NO_BLOCK_ID } from '../solo/hashing.js';
import { RpcError } from './jsonrpc.js';
import type { Method } from './method.js';
import { type Json, renderBlock, renderBlockId, renderBlockMeta, renderBlockResults, renderCommit, renderHeader } from './render.js';
import { orderedBy, pageOf, searchBlocks } from './search.js';

const MAX_BLOCK_METAS = 20n;

/** The height asked for, or the newest one. Only committed blocks exist. */
export function heightOrNewest(engine: SoloEngine, asked: bigint | undefined): bigint {
  const { height: newest } = engine;
  const { initialHeight } = engine.genesis;
  if (newest === 0n) throw RpcError.internal('there is no block yet');
  const height = asked ?? newest;
  if (height < 1n) throw RpcError.internal(`height must be greater than 0, but got ${height}`);
  if (height > newest) throw RpcError.internal(`height ${height} must be less than or equal to the current blockchain height ${newest}`);
  if (height < initialHeight) throw RpcError.internal(`height ${height} is not available, lowest height is ${initialHeight}`);
  return height;
}

function fullBlock(engine: SoloEngine, height: bigint): Json {
  const block = engine.store.block(height);
  if (block === undefined) throw RpcError.internal(`block ${height} is missing in the database`);
  return { block_id: renderBlockId(engine.store.meta(height)?.blockId), block: renderBlock(block) };
}

export const blockMethods: Readonly<Record<string, Method>> = {
  block: { params: ['height'], handle: (args, { engine }) => fullBlock(engine, heightOrNewest(engine, args.int('height'))) },

  block_by_hash: {
    params: ['hash'],
    handle: (args, { engine }) => {
      const height = engine.store.heightOfHash(args.bytes('hash') ?? new Uint8Array());
      if (height === undefined || height > engine.height) return { block_id: renderBlockId(NO_BLOCK_ID), block: null };
      return fullBlock(engine, height);
    },
  },

  header: {
    params: ['height'],
    handle: (args, { engine }) => ({ header: renderHeader(engine.store.meta(heightOrNewest(engine, args.int('height')))?.header) }),
  },

  block_results: {
    params: ['height'],
    handle: (args, { engine }) => {
      const height = heightOrNewest(engine, args.int('height'));
      const results = engine.store.results(height);
      if (results === undefined) throw RpcError.internal(`results of block ${height} are missing in the database`);
      return renderBlockResults(height, results);
    },
  },

  blockchain: {
    params: ['minHeight', 'maxHeight'],
    handle: (args, { engine }) => {
      const newest = heightOrNewest(engine, undefined);
      const { initialHeight: oldest } = engine.genesis;
      const [askedMin, askedMax] = [args.int('minHeight') ?? 0n, args.int('maxHeight') ?? 0n];
      if (askedMin < 0n || askedMax < 0n) throw RpcError.internal('heights must be non-negative');
      const max = askedMax === 0n || askedMax > newest ? newest : askedMax;
      let min = askedMin < oldest ? oldest : askedMin;
      if (max - min >= MAX_BLOCK_METAS) min = max - MAX_BLOCK_METAS + 1n;
      if (min > max) throw RpcError.internal(`min height ${min} can't be greater than max height ${max}`);
      const metas: Json[] = [];
      for (let height = max; height >= min; height--) {
        const meta = engine.store.meta(height);
        if (meta !== undefined) metas.push(renderBlockMeta(meta));
      }
      return { last_height: newest.toString(), block_metas: metas };
    },
  },

  commit: {
    params: ['height'],
    handle: (args, { engine }) => {
      const height = heightOrNewest(engine, args.int('height'));
      // What the next block carries counts for ever; until then there is only what the validator signed at once.
      const canonical = height < engine.height ? engine.store.block(height + 1n)?.lastCommit : undefined;
      const commit = canonical ?? engine.store.seenCommit(height);
      return {
        signed_header: { header: renderHeader(engine.store.meta(height)?.header), commit: renderCommit(commit) },
        canonical: canonical !== undefined,
      };
    },
  },

  block_search: {
    params: ['query', 'page', 'per_page', 'order_by'],
    handle: async (args, { engine }) => {
      const found = await searchBlocks(engine.store, args.text('query') ?? '', engine.genesis.initialHeight, engine.height);
      const ordered = orderedBy(found, args.text('order_by'), 'desc');
      const shown = pageOf(ordered, args.int('page'), args.int('per_page'));
      return { blocks: shown.map((height) => fullBlock(engine, height)), total_count: found.length.toString() };
    },
  },
};
