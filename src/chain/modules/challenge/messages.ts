import { positiveCoin } from '../../../protocol/coins.js';
import { parseCid } from '../../../protocol/cid.js';
import {
  MsgChallengeAggregation,
  MsgChallengeAggregationResponse,
  MsgChallengeGradient,
  MsgChallengeGradientResponse,
  MsgCommitReport,
  MsgCommitReportResponse,
  MsgEscalateCase,
  MsgEscalateCaseResponse,
  MsgRevealReport,
  MsgRevealReportResponse,
} from '../../../protocol/gen/remes/remes/v1/tx.js';
import { defineMessage, type MessageHandler } from '../../module.js';
import { challengeError } from './errors.js';
import type { ChallengeKeeper } from './keeper.js';

const HASH_BYTES = 32;

function checkLength(name: string, bytes: Uint8Array): void {
  if (bytes.length !== HASH_BYTES) throw challengeError('INVALID_MESSAGE', `${name}: expected ${HASH_BYTES} bytes, got ${bytes.length}`);
}

function checkChallenge(msg: MsgChallengeGradient | MsgChallengeAggregation): void {
  checkLength('claimed_hash', msg.claimedHash);
  if (msg.evidenceCid !== '') parseCid(msg.evidenceCid);
  positiveCoin(msg.bond, 'bond');
}

export function challengeMessages(keeper: ChallengeKeeper): MessageHandler[] {
  return [
    defineMessage({
      typeUrl: '/remes.remes.v1.MsgChallengeGradient',
      message: MsgChallengeGradient,
      response: MsgChallengeGradientResponse,
      signer: (msg) => msg.challenger,
      checkStateless: checkChallenge,
      execute: (ctx, msg) => ({
        caseId: keeper.challengeGradient(ctx, msg.challenger, msg.gradientId, msg.claimedHash, msg.evidenceCid, positiveCoin(msg.bond, 'bond')),
      }),
    }),
    defineMessage({
      typeUrl: '/remes.remes.v1.MsgChallengeAggregation',
      message: MsgChallengeAggregation,
      response: MsgChallengeAggregationResponse,
      signer: (msg) => msg.challenger,
      checkStateless: checkChallenge,
      execute: (ctx, msg) => ({
        caseId: keeper.challengeAggregation(ctx, msg.challenger, msg.windowId, msg.claimedHash, msg.evidenceCid, positiveCoin(msg.bond, 'bond')),
      }),
    }),
    defineMessage({
      typeUrl: '/remes.remes.v1.MsgEscalateCase',
      message: MsgEscalateCase,
      response: MsgEscalateCaseResponse,
      signer: (msg) => msg.address,
      checkStateless: (msg) => {
        positiveCoin(msg.bond, 'bond');
      },
      execute: (ctx, msg) => {
        keeper.cases.escalate(ctx, msg.caseId, msg.address, positiveCoin(msg.bond, 'bond'));
        return {};
      },
    }),
    defineMessage({
      typeUrl: '/remes.remes.v1.MsgCommitReport',
      message: MsgCommitReport,
      response: MsgCommitReportResponse,
      signer: (msg) => msg.verifier,
      checkStateless: (msg) => checkLength('commitment', msg.commitment),
      execute: (ctx, msg) => {
        keeper.duties.commit(ctx, msg.dutyId, msg.verifier, msg.commitment);
        ctx.emit({ type: 'commit_report', attributes: { duty_id: msg.dutyId.toString(), verifier: msg.verifier } });
        return {};
      },
    }),
    defineMessage({
      typeUrl: '/remes.remes.v1.MsgRevealReport',
      message: MsgRevealReport,
      response: MsgRevealReportResponse,
      signer: (msg) => msg.verifier,
      checkStateless: (msg) => {
        checkLength('report_hash', msg.reportHash);
        checkLength('report_digest', msg.reportDigest);
        checkLength('salt', msg.salt);
      },
      execute: (ctx, msg) => {
        const caseId = keeper.duties.reveal(ctx, msg.dutyId, msg.verifier, msg.reportHash, msg.reportDigest, msg.salt);
        ctx.emit({
          type: 'reveal_report',
          attributes: { duty_id: msg.dutyId.toString(), verifier: msg.verifier, case_id: caseId.toString() },
        });
        return { caseId };
      },
    }),
  ];
}
