import { inspectFile, inspectManifest, summarize, type DatasetSummary, type InspectedFile } from '../../../dataset/index.js';
import { parseCid } from '../../../protocol/cid.js';
import { InvalidInputError } from '../../../protocol/errors.js';
import { addBytes, type ContentStore, memoryStore } from '../../../storage/index.js';
import type { Context } from '../../frame/context.js';
import { given } from './job.js';

/** A CID names content; everything else is a file. */
export function isCid(text: string): boolean {
  try {
    parseCid(text);
    return true;
  } catch (error) {
    if (error instanceof InvalidInputError) return false;
    throw error;
  }
}

/** The CID that a manifest would have in a content store; nothing is stored. */
async function manifestCidOf(bytes: Uint8Array): Promise<string> {
  return (await addBytes(memoryStore(), bytes)).cid;
}

export type Inspected = { readonly kind: 'dataset'; readonly summary: DatasetSummary } | Extract<InspectedFile, { kind: 'tokens' }>;

/** @param what the CID of a manifest in `store`, or a file: a manifest or a token file. */
export async function inspectArgument(ctx: Context, store: ContentStore, what: string): Promise<Inspected> {
  if (isCid(what)) return { kind: 'dataset', summary: await inspectManifest(store, what, ctx.signal) };
  const found = await inspectFile(given(ctx, what));
  if (found.kind === 'tokens') return found;
  return { kind: 'dataset', summary: summarize(await manifestCidOf(found.bytes), found.manifest) };
}
