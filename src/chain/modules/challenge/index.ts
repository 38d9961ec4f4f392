import type { Module } from '../../module.js';
import { amountField, bpsField, message, positiveUint32Field, positiveUint64Field, uint32Field } from '../genesis-fields.js';
import { parseGenesis } from '../genesis.js';
import type { ChallengeKeeper } from './keeper.js';
import { challengeMessages } from './messages.js';
import { challengeQueries } from './queries.js';

export { ChallengeKeeper } from './keeper.js';

const oddField = positiveUint32Field.refine((n) => n % 2 === 1, 'expected an odd number');

/** Genesis and governance go by the same rules. */
export const challengeParamsSchema = message({
  challenge_blocks: positiveUint64Field,
  report_margin_blocks: positiveUint64Field,
  report_reveal_blocks: positiveUint64Field,
  bond: amountField.refine((amount) => BigInt(amount) > 0n, 'expected a bond above 0: without one nobody can challenge'),
  layer2_blocks: positiveUint64Field,
  layer3_blocks: positiveUint64Field,
  appeal_blocks: positiveUint64Field,
  escalation_blocks: positiveUint64Field,
  redraw_blocks: positiveUint64Field,
  panel_size: oddField,
  appeal_panel_size: oddField,
  audit_bps: bpsField,
  audit_floor_bps: bpsField,
  double_audit_bps: bpsField,
  probation_jobs: uint32Field,
  wrong_gradient_slash_bps: bpsField,
  false_verdict_slash_bps: bpsField,
  lazy_slash_bps: bpsField,
  silence_slash_bps: bpsField,
})
  .refine((p) => p.reportRevealBlocks < p.reportMarginBlocks, {
    path: ['report_reveal_blocks'],
    error: 'expected less than report_margin_blocks: reveals must end before the challenge phase does',
  })
  .refine((p) => p.reportMarginBlocks + 1n < p.challengeBlocks, {
    path: ['report_margin_blocks'],
    error: 'expected at least 2 less than challenge_blocks: the auditor of an aggregation is drawn in the first block of its challenge phase',
  })
  .refine((p) => [p.layer2Blocks, p.layer3Blocks, p.appealBlocks].every((blocks) => blocks > p.reportRevealBlocks), {
    path: ['report_reveal_blocks'],
    error: 'expected less than layer2_blocks, layer3_blocks and appeal_blocks',
  });

const schema = message({
  params: challengeParamsSchema,
});

export function challengeModule(keeper: ChallengeKeeper): Module {
  return {
    name: 'challenge',
    messages: challengeMessages(keeper),
    queries: challengeQueries(keeper.state),
    initGenesis: (ctx, state) => keeper.state.setParams(ctx, parseGenesis('challenge', schema, state).params),
    beginBlock: (ctx) => keeper.beginBlock(ctx),
    endBlock: (ctx) => keeper.endBlock(ctx),
  };
}
