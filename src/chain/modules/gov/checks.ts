import { utf8 } from '../../../protocol/bytes.js';
import { DECIMAL_ONE, parseDecimal } from '../../../protocol/decimal.js';
import { VoteOption, type WeightedVoteOption } from '../../../protocol/gen/cosmos/gov/v1/gov.js';
import { govError } from './errors.js';

interface Texts {
  readonly title: string;
  readonly summary: string;
  readonly metadata: string;
  readonly messages: readonly unknown[];
}

const MAX_METADATA_BYTES = 255;
const MAX_TITLE_BYTES = 140;
const MAX_SUMMARY_BYTES = 40 * MAX_METADATA_BYTES;
const MAX_MESSAGES = 16;

/** The share of an amount, rounded up. */
export const ceilShare = (amount: bigint, share: bigint): bigint => (amount * share + DECIMAL_ONE - 1n) / DECIMAL_ONE;

export function optionName(option: VoteOption): string {
  return `VOTE_OPTION_${VoteOption[option] ?? option}`;
}

function checkBytes(text: string, max: number, what: string): void {
  const size = utf8(text).length;
  if (size > max) throw govError('METADATA_TOO_LONG', `${what}: expected at most ${max} bytes, got ${size}`);
}

/** @throws ChainError */
export function checkMetadata(metadata: string): void {
  checkBytes(metadata, MAX_METADATA_BYTES, 'metadata');
}

/** @throws ChainError */
export function checkTexts({ title, summary, metadata, messages }: Texts): void {
  if (title.trim() === '') throw govError('INVALID_CONTENT', 'title: expected a title, got none');
  if (messages.length > MAX_MESSAGES) throw govError('INVALID_MESSAGE', `expected at most ${MAX_MESSAGES} messages, got ${messages.length}`);
  checkBytes(title, MAX_TITLE_BYTES, 'title');
  checkBytes(summary, MAX_SUMMARY_BYTES, 'summary');
  checkMetadata(metadata);
}

/** Checks what somebody says: known options, each once, that make one together. @throws ChainError */
export function checkOptions(options: readonly WeightedVoteOption[]): void {
  const seen = new Set<VoteOption>();
  let sum = 0n;
  for (const { option, weight } of options) {
    if (option < VoteOption.YES || option > VoteOption.NO_WITH_VETO) throw govError('INVALID_VOTE', `expected the option yes, abstain, no or no_with_veto, got number ${option}`);
    if (seen.has(option)) throw govError('INVALID_VOTE', `${optionName(option)} stands twice`);
    seen.add(option);
    const share = parseDecimal(weight);
    if (share === 0n) throw govError('INVALID_VOTE', `${optionName(option)}: expected a weight above 0`);
    sum += share;
  }
  if (sum !== DECIMAL_ONE) throw govError('INVALID_VOTE', `expected weights that make 1 together, got ${sum} of ${DECIMAL_ONE}`);
}

export const oneOption = (option: VoteOption): WeightedVoteOption[] => [{ option, weight: '1.000000000000000000' }];
