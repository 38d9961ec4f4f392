import { z } from 'zod';

import type { Module } from '../../module.js';
import { amountField, bpsField, positiveUint32Field, positiveUint64Field, uint32Field } from '../genesis-fields.js';
import { parseGenesis } from '../genesis.js';
import type { ChallengeKeeper } from './keeper.js';
import { challengeMessages } from './messages.js';
import { challengeQueries } from './queries.js';

export { ChallengeKeeper } from './keeper.js';

const oddField = positiveUint32Field.refine((n) => n % 2 === 1, 'expected an odd number');

const schema = z.strictObject({
  params: z
    .strictObject({
      challengeBlocks: positiveUint64Field,
      reportMarginBlocks: positiveUint64Field,
      reportRevealBlocks: positiveUint64Field,
      bond: amountField,
      layer2Blocks: positiveUint64Field,
      layer3Blocks: positiveUint64Field,
      appealBlocks: positiveUint64Field,
      escalationBlocks: positiveUint64Field,
      redrawBlocks: positiveUint64Field,
      panelSize: oddField,
      appealPanelSize: oddField,
      auditBps: bpsField,
      auditFloorBps: bpsField,
      doubleAuditBps: bpsField,
      probationJobs: uint32Field,
      wrongGradientSlashBps: bpsField,
      falseVerdictSlashBps: bpsField,
      lazySlashBps: bpsField,
      silenceSlashBps: bpsField,
    })
    .refine((p) => p.reportRevealBlocks < p.reportMarginBlocks, {
      path: ['reportRevealBlocks'],
      error: 'expected less than reportMarginBlocks: reveals must end before the challenge phase does',
    })
    .refine((p) => p.reportMarginBlocks < p.challengeBlocks, {
      path: ['reportMarginBlocks'],
      error: 'expected less than challengeBlocks',
    })
    .refine((p) => [p.layer2Blocks, p.layer3Blocks, p.appealBlocks].every((blocks) => blocks > p.reportRevealBlocks), {
      path: ['reportRevealBlocks'],
      error: 'expected less than layer2Blocks, layer3Blocks and appealBlocks',
    }),
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
