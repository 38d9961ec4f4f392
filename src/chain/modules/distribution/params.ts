import { DECIMAL_ONE, decimalFromWire } from '../../../protocol/decimal.js';
import { InvalidInputError } from '../../../protocol/errors.js';
import type { Params } from '../../../protocol/gen/cosmos/distribution/v1beta1/distribution.js';

/** @throws InvalidInputError naming the wrong field: genesis and governance go by the same rules. */
export function checkDistributionParams(params: Params | undefined): Params {
  if (params === undefined) throw new InvalidInputError('params: expected parameters, got none');
  const tax = decimalFromWire(params.communityTax);
  if (tax > DECIMAL_ONE) throw new InvalidInputError(`params.community_tax: expected a share of at most 1, got ${params.communityTax} of ${DECIMAL_ONE}`);
  for (const [name, value] of [['base_proposer_reward', params.baseProposerReward], ['bonus_proposer_reward', params.bonusProposerReward]] as const) {
    if (decimalFromWire(value) !== 0n) throw new InvalidInputError(`params.${name}: expected 0, as proposers get nothing extra, got ${value}`);
  }
  return params;
}
