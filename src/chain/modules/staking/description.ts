import { utf8 } from '../../../protocol/bytes.js';
import { Description } from '../../../protocol/gen/cosmos/staking/v1beta1/staking.js';
import { sdkError } from '../sdk-errors.js';

/** Bytes of UTF-8, as the Cosmos SDK limits them. */
const MAX_BYTES = { moniker: 70, identity: 3000, website: 140, securityContact: 140, details: 280 } as const;
const FIELDS = ['moniker', 'identity', 'website', 'securityContact', 'details'] as const;
/** A field of MsgEditValidator that stays as it is. */
const DO_NOT_MODIFY = '[do-not-modify]';

/** @throws ChainError sdk/18 for a field that is too long. */
export function checkedDescription(description: Description): Description {
  for (const field of FIELDS) {
    const bytes = utf8(description[field]).length;
    if (bytes > MAX_BYTES[field]) throw sdkError('INVALID_REQUEST', `invalid ${field} length; got: ${bytes}, max: ${MAX_BYTES[field]}: invalid request`);
  }
  return description;
}

/** @throws ChainError sdk/18 for a field that is too long. */
export function changedDescription(before: Description | undefined, change: Description): Description {
  const known = before ?? Description.fromPartial({});
  const kept = FIELDS.map((field) => [field, change[field] === DO_NOT_MODIFY ? known[field] : change[field]]);
  return checkedDescription(Description.fromPartial(Object.fromEntries(kept) as Partial<Description>));
}
