import { z } from 'zod';

import { DECIMAL_ONE, decimalFromWire, formatDecimal } from '../../../protocol/decimal.js';
import { InvalidInputError } from '../../../protocol/errors.js';
import type { Params } from '../../../protocol/gen/cosmos/distribution/v1beta1/distribution.js';
import { decimalField, message } from '../genesis-fields.js';

const shareField = decimalField.refine((value) => value <= DECIMAL_ONE, 'expected a share of at most 1');

export const distributionParamsSchema = message({
  community_tax: shareField,
  base_proposer_reward: shareField.optional(),
  bonus_proposer_reward: shareField.optional(),
  withdraw_addr_enabled: z.boolean(),
});

export function distributionParamsOf(p: z.output<typeof distributionParamsSchema>): Params {
  return {
    communityTax: p.communityTax.toString(),
    baseProposerReward: (p.baseProposerReward ?? 0n).toString(),
    bonusProposerReward: (p.bonusProposerReward ?? 0n).toString(),
    withdrawAddrEnabled: p.withdrawAddrEnabled,
  };
}

export function distributionParamsJson(p: Params): Record<string, unknown> {
  return {
    community_tax: formatDecimal(decimalFromWire(p.communityTax)),
    base_proposer_reward: formatDecimal(decimalFromWire(p.baseProposerReward)),
    bonus_proposer_reward: formatDecimal(decimalFromWire(p.bonusProposerReward)),
    withdraw_addr_enabled: p.withdrawAddrEnabled,
  };
}

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
