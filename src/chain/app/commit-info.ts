/** What the engine tells of validators: who signed, who did wrong, and who is one at genesis. Pure. */
import { toHex } from '../../protocol/bytes.js';
import { InvalidInputError } from '../../protocol/errors.js';
import type { CommitInfo, Misbehavior, ValidatorUpdate } from '../../protocol/gen/tendermint/abci/types.js';
import type { EvidenceParams } from '../../protocol/gen/tendermint/types/params.js';
import { BlockIDFlag } from '../../protocol/gen/tendermint/types/types.js';
import type { BlockMisbehavior, BlockVote } from '../module.js';

/** A vote for nil is a sign of life as well. */
export function votesOf(commit: CommitInfo | undefined): BlockVote[] {
  return (commit?.votes ?? []).flatMap(({ validator, blockIdFlag }) =>
    validator === undefined
      ? []
      : [{ address: validator.address, power: validator.power, signed: blockIdFlag === BlockIDFlag.COMMIT || blockIdFlag === BlockIDFlag.NIL }],
  );
}

/** Duplicate votes and light client attacks, save what is too old by blocks and by time: who did it may be paid out by now. */
export function misbehaviorOf(
  list: readonly Misbehavior[],
  now: { height: bigint; timeSeconds: bigint },
  limits: EvidenceParams | undefined,
): BlockMisbehavior[] {
  return list.flatMap(({ validator, height, time }) => {
    if (validator === undefined || time === undefined) return [];
    const isTooOld =
      limits !== undefined &&
      now.height - height > limits.maxAgeNumBlocks &&
      now.timeSeconds - time.seconds > (limits.maxAgeDuration?.seconds ?? 0n);
    return isTooOld ? [] : [{ address: validator.address, power: validator.power, height, timeSeconds: time.seconds }];
  });
}

const keyOf = ({ pubKey }: ValidatorUpdate): string => toHex(pubKey?.sum?.value ?? new Uint8Array());

/**
 * The first validators. Where staking has none, the genesis document's validate for ever; where both name some they must
 * be the same, or headers would say something else than the state.
 * @throws InvalidInputError naming the validator that differs.
 */
export function firstValidators(document: readonly ValidatorUpdate[], staking: readonly ValidatorUpdate[]): ValidatorUpdate[] {
  const bonded = staking.filter(({ power }) => power > 0n);
  if (bonded.length === 0 || document.length === 0) return bonded;
  const powers = new Map(bonded.map((one) => [keyOf(one), one.power]));
  for (const one of document) {
    const power = powers.get(keyOf(one));
    if (power !== one.power) {
      throw new InvalidInputError(
        `validators: key ${keyOf(one)} has power ${one.power} in the genesis document, but ${power ?? 'none'} by app_state.staking`,
        'the power of a validator is its tokens in whole REMES: correct the genesis file',
      );
    }
    powers.delete(keyOf(one));
  }
  const [missing] = powers.keys();
  if (missing !== undefined) throw new InvalidInputError(`validators: key ${missing} is a validator by app_state.staking, but not in the genesis document`, 'correct the genesis file');
  return bonded;
}
