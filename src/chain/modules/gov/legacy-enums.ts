/** The enums of v1 and v1beta1 have the same numbers, and are different types. */
import * as v1 from '../../../protocol/gen/cosmos/gov/v1/gov.js';
import * as v1beta1 from '../../../protocol/gen/cosmos/gov/v1beta1/gov.js';

const OPTIONS = ['UNSPECIFIED', 'YES', 'ABSTAIN', 'NO', 'NO_WITH_VETO'] as const;
const STATUSES = ['UNSPECIFIED', 'DEPOSIT_PERIOD', 'VOTING_PERIOD', 'PASSED', 'REJECTED', 'FAILED'] as const;

/** An unknown number becomes unspecified, which no vote may be. */
export const newOption = (option: v1beta1.VoteOption): v1.VoteOption => v1.VoteOption[OPTIONS[option] ?? 'UNSPECIFIED'];
export const oldOption = (option: v1.VoteOption): v1beta1.VoteOption => v1beta1.VoteOption[OPTIONS[option] ?? 'UNSPECIFIED'];
export const newStatus = (status: v1beta1.ProposalStatus): v1.ProposalStatus => v1.ProposalStatus[STATUSES[status] ?? 'UNSPECIFIED'];
export const oldStatus = (status: v1.ProposalStatus): v1beta1.ProposalStatus => v1beta1.ProposalStatus[STATUSES[status] ?? 'UNSPECIFIED'];
