import { R3mesError } from '../../../protocol/errors.js';
import type { Model } from '../../../protocol/gen/remes/remes/v1/model.js';
import { loraSettings } from '../../../roles/assets.js';
import { storedFolder } from '../../../roles/stored-folder.js';
import { type ContentStore, readBytes } from '../../../storage/index.js';
import { readAdapter, readConfig, writeAdapter, writeAdapterConfig } from '../../../train/index.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { facts } from '../../frame/table.js';
import { connectChain, type NodeArgs } from '../../session/connect.js';
import { notFound } from '../../session/not-found.js';
import { given, withStore } from '../dataset/job.js';
import { mayWriteFolder, writeFolder } from './output-folder.js';
import { grouped } from './tensors.js';

export interface ExportArgs extends NodeArgs {
  readonly modelId: bigint | undefined;
  readonly window: bigint | undefined;
  readonly output: string;
  readonly base: string | undefined;
  readonly content: string | undefined;
  readonly force: boolean;
}

const MAX_ADAPTER_BYTES = 4_294_967_296n;

/** The adapter that a window was decided with, or the newest one. */
async function chosenAdapter(client: Awaited<ReturnType<typeof connectChain>>, record: Model, windowId: bigint | undefined): Promise<string> {
  if (windowId === undefined) return record.adapterCid;
  const window = await client.queries.window(windowId);
  if (window === undefined || window.modelId !== record.id) throw notFound(`window ${windowId} of model ${record.id}`);
  const cid = window.accepted?.adapterCid;
  if (cid === undefined) throw new R3mesError({ code: 'NOT_FOUND', message: `window ${windowId} has no accepted adapter`, hint: 'leave --window out for the newest one' });
  return cid;
}

async function readStored(store: ContentStore, record: Model, adapterCid: string, signal: AbortSignal) {
  const folder = await storedFolder(store, record.backboneCid, signal);
  const source = await folder.open('config.json');
  if (source === undefined) throw new R3mesError({ code: 'CONTENT_NOT_FOUND', message: `${record.backboneCid} has no config.json` });
  const config = readConfig(await source.read(0, source.sizeBytes));
  return readAdapter(await readBytes(store, adapterCid, { maxBytes: MAX_ADAPTER_BYTES, signal }), config, loraSettings(record));
}

export async function modelExportAdapter(ctx: Context, args: ExportArgs): Promise<CommandResult> {
  const output = given(ctx, args.output);
  await mayWriteFolder(ctx, undefined, output, ['adapter_config.json', 'adapter_model.safetensors'], args.force);
  const client = await connectChain(args);
  const record = await client.queries.model(args.modelId);
  if (record === undefined) throw notFound(`model ${args.modelId ?? ''}`.trim());
  const adapterCid = await chosenAdapter(client, record, args.window);
  const adapter = await withStore(ctx, args.content, (store) => readStored(store, record, adapterCid, ctx.signal));
  const { lora, size } = adapter.layout;
  const baseModel = args.base ?? record.name;
  await writeFolder(output, { 'adapter_model.safetensors': writeAdapter(adapter), 'adapter_config.json': writeAdapterConfig(lora, baseModel) });
  return {
    data: { modelId: record.id, adapterCid, output, rank: lora.rank, alpha: lora.alpha, targets: lora.targets, parameters: size, baseModel },
    text: facts([
      ['adapter', adapterCid],
      ['of model', `${record.id}, ${record.name}`],
      ['LoRA', `rank ${lora.rank}, alpha ${lora.alpha}, on ${lora.targets.join(', ')}: ${grouped(size)} parameters`],
      ['written to', `${output}, as PEFT loads it on ${baseModel}`],
    ]),
  };
}
