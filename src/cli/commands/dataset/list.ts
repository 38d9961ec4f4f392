import { DatasetStatus } from '../../../protocol/gen/remes/remes/v1/dataset.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { table } from '../../frame/table.js';
import { connectChain, type NodeArgs } from '../../session/connect.js';

const STATUS: Readonly<Record<DatasetStatus, string>> = {
  [DatasetStatus.UNSPECIFIED]: 'unspecified',
  [DatasetStatus.APPROVED]: 'approved',
  [DatasetStatus.REMOVED]: 'removed',
};

export async function datasetList(ctx: Context, args: NodeArgs): Promise<CommandResult> {
  const client = await connectChain(args);
  const datasets = (await client.queries.datasets()).map((d) => ({
    id: d.id,
    name: d.name,
    status: STATUS[d.status],
    manifestCid: d.manifestCid,
    tokenizerCid: d.tokenizerCid,
    chunkTokens: d.chunkTokens,
    trainingChunks: d.trainingChunks,
    heldOutChunks: d.heldOutChunks,
  }));
  if (datasets.length === 0) ctx.out.note(`the chain ${client.chainId} has no dataset`);
  const rows = datasets.map((d) => [String(d.id), d.name, d.status, String(d.trainingChunks), String(d.heldOutChunks), String(d.chunkTokens), d.manifestCid]);
  const text = datasets.length === 0 ? '' : table(['id', 'name', 'status', 'training', 'held out', 'tokens a chunk', 'manifest'], rows, [0, 3, 4, 5]);
  return { data: { chainId: client.chainId, datasets }, text };
}
