import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { facts } from '../../frame/table.js';
import { describeDataset } from './describe.js';
import { withStore } from './job.js';
import { inspectArgument } from './manifest-argument.js';

export async function datasetInspect(ctx: Context, args: { readonly what: string; readonly content: string | undefined }): Promise<CommandResult> {
  return withStore(ctx, args.content, async (store) => {
    const found = await inspectArgument(ctx, store, args.what);
    if (found.kind === 'dataset') {
      const { data, text } = describeDataset(found.summary);
      return { data: { kind: found.kind, ...data }, text };
    }
    const { header, sizeBytes } = found;
    const data = {
      kind: found.kind,
      tokens: header.tokens,
      rows: header.rows,
      tokenFormat: header.token_format,
      vocabSize: header.vocab_size,
      eosTokenId: header.eos_token_id,
      tokenizerCid: header.tokenizer_cid,
      sourceSha256: header.source_sha256,
      tokensSha256: header.tokens_sha256,
      sizeBytes,
    };
    const text = facts([
      ['token file', `${sizeBytes} bytes`],
      ['tokens', `${data.tokens} (${data.tokenFormat}, ${data.vocabSize} ids)`],
      ['rows', data.rows],
      ['tokenizer', data.tokenizerCid],
      ['source SHA-256', data.sourceSha256],
      ['tokens SHA-256', data.tokensSha256],
    ]);
    return { data, text };
  });
}
