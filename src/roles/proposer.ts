import { bitmapOf } from '../protocol/bitmap.js';
import { aggregationCommitment } from '../protocol/commitments.js';
import { R3mesError } from '../protocol/errors.js';
import type { ProposerRecord } from '../protocol/gen/remes/remes/v1/aggregation.js';
import { WindowPhase, type TrainingWindow } from '../protocol/gen/remes/remes/v1/training_window.js';
import { defendAggregations } from './defence.js';
import { outgoing } from './messages.js';
import { Outbox, saltFor, type Role, type RoleDeps } from './role.js';

/** Attests what it could fetch, aggregates what is included, commits and reveals. */
export function createProposer(deps: RoleDeps): Role {
  const { chain, sender, work, emit } = deps;
  const outbox = new Outbox(sender, emit);
  const proposer = sender.address;

  async function attest(window: TrainingWindow, height: bigint): Promise<void> {
    const gradients = await chain.gradients(window.id);
    const bits: boolean[] = [];
    for (const gradient of gradients) {
      try {
        await work.fetchGradient(window, gradient);
        bits.push(true);
      } catch (error) {
        if (!(error instanceof R3mesError)) throw error;
        bits.push(false);
        emit({ type: 'unfetched', window: window.id, proposer, gradient: gradient.id, code: error.code, reason: error.message });
      }
    }
    const key = `attest ${window.id}`;
    const tx = await outbox.send(key, height, outgoing({ typeUrl: '/remes.remes.v1.MsgAttestGradients', value: { proposer, windowId: window.id, bitmap: bitmapOf(bits) } }));
    if (tx !== undefined) emit({ type: 'attestation', window: window.id, proposer, fetched: bits.filter(Boolean).length, of: bits.length, tx });
  }

  async function commit(window: TrainingWindow, height: bigint): Promise<void> {
    const { result } = await work.aggregation(window);
    const salt = saltFor(sender, 'aggregation', window.id);
    const commitment = aggregationCommitment(chain.chainId, window.id, proposer, result.resultHash, window.included, salt);
    const tx = await outbox.send(`commit ${window.id}`, height, outgoing({ typeUrl: '/remes.remes.v1.MsgCommitAggregation', value: { proposer, windowId: window.id, commitment } }));
    if (tx !== undefined) emit({ type: 'commit', window: window.id, proposer, tx });
  }

  async function reveal(window: TrainingWindow, height: bigint): Promise<void> {
    const { result } = await work.aggregation(window);
    const salt = saltFor(sender, 'aggregation', window.id);
    const value = { proposer, windowId: window.id, result, participants: window.included, salt };
    const tx = await outbox.send(`reveal ${window.id}`, height, outgoing({ typeUrl: '/remes.remes.v1.MsgRevealAggregation', value }));
    if (tx !== undefined) emit({ type: 'reveal', window: window.id, proposer, adapterCid: result.adapterCid, tx });
  }

  async function act(window: TrainingWindow, own: ProposerRecord, height: bigint): Promise<void> {
    const due = (what: string) => outbox.isDue(`${what} ${window.id}`, height);
    if (window.phase === WindowPhase.ATTESTING) {
      if (!own.attested && due('attest')) await attest(window, height);
    } else if (window.phase === WindowPhase.COMMITTING) {
      if (own.owesCommit && own.commitment.length === 0 && due('commit')) await commit(window, height);
    } else if (window.phase === WindowPhase.REVEALING) {
      if (own.commitment.length > 0 && !own.revealed && due('reveal')) await reveal(window, height);
    }
  }

  return {
    address: proposer,
    async onHeight(height) {
      outbox.forgetBefore(height - 100n);
      await defendAggregations(deps, outbox, height);
      const window = await chain.window();
      if (window === undefined || !window.proposers.includes(proposer) || window.phase > WindowPhase.REVEALING) return;
      const aggregation = await chain.aggregation(window.id);
      const own = aggregation?.proposers.find((r) => r.proposer === proposer);
      if (own !== undefined) await act(window, own, height);
    },
  };
}
