import { decimalFromWire } from '../../../protocol/decimal.js';
import type { ValidatorSigningInfo } from '../../../protocol/gen/cosmos/slashing/v1beta1/slashing.js';
import { BondStatus } from '../../../protocol/gen/cosmos/staking/v1beta1/staking.js';
import { accountOfOperator, formatConsensusAddress } from '../../../protocol/validator-address.js';
import type { BlockMisbehavior, BlockVote, Context, QueryContext } from '../../module.js';
import type { StakingHooks, StakingJailer } from '../staking/hooks.js';
import { tokensFromShares } from '../staking/shares.js';
import { consensusAddressOf } from '../staking/state.js';
import { slashingError } from './errors.js';
import { maxMissed, readDecimalBytes } from './params.js';
import { SlashingState, newSigningInfo } from './state.js';

/** A validator's change counts from the block after the next; the commit in a block is of the one before it. */
const UPDATE_DELAY = 1n;
/** The last second of the year 9999: for ever. */
const FOR_EVER_SECONDS = 253_402_300_799n;

/**
 * Punishes validators that are away or sign twice. A block writes only about those whose vote differs from the one a
 * window ago: a place in the window is the height modulo its length.
 */
export class SlashingKeeper {
  readonly state = new SlashingState();
  readonly #staking: StakingJailer;

  constructor(staking: StakingJailer) {
    this.#staking = staking;
  }

  readonly hooks: StakingHooks = {
    afterValidatorCreated: (ctx, operator) => {
      const validator = this.#staking.validator(ctx, operator);
      if (validator === undefined) return;
      if (this.state.info(ctx, consensusAddressOf(validator))?.tombstoned === true) {
        throw slashingError('TOMBSTONED_KEY', 'this consensus key has signed two blocks of one height and never validates again', 'create the validator with another key');
      }
    },
    afterValidatorBonded: (ctx, consAddress) => {
      const info = this.state.info(ctx, consAddress);
      this.state.setInfo(ctx, consAddress, info === undefined ? newSigningInfo(consAddress, ctx.block.height) : { ...info, startHeight: ctx.block.height });
    },
  };

  /** With the offset that counts the blocks since the validator was bonded. */
  shownInfo(ctx: QueryContext, info: ValidatorSigningInfo): ValidatorSigningInfo {
    const offset = ctx.block.height - info.startHeight;
    return { ...info, indexOffset: offset > 0n ? offset : 0n };
  }

  beginBlock(ctx: Context): void {
    for (const vote of ctx.block.votes ?? []) this.#countVote(ctx, vote);
    for (const misbehavior of ctx.block.misbehavior ?? []) this.#punishDoubleSign(ctx, misbehavior);
  }

  /** Votes of keys that staking does not know, such as a fixed validator's, count for nothing. */
  #countVote(ctx: Context, { address, power, signed }: BlockVote): void {
    const info = this.state.info(ctx, address);
    if (info === undefined || (signed && info.missedBlocksCounter === 0n)) return;
    const validator = this.#staking.validatorByConsAddress(ctx, address);
    const params = this.state.params(ctx);
    const index = ctx.block.height % params.signedBlocksWindow;
    const missed = !signed && validator?.jailed !== true;
    const before = this.state.isMissed(ctx, address, index);
    let { missedBlocksCounter } = info;
    if (missed !== before) {
      this.state.setMissed(ctx, address, index, missed);
      missedBlocksCounter += missed ? 1n : -1n;
      this.state.setInfo(ctx, address, { ...info, missedBlocksCounter });
    }
    if (missed) {
      ctx.emit({
        type: 'liveness',
        attributes: { address: formatConsensusAddress(address), missed_blocks: missedBlocksCounter.toString(), height: ctx.block.height.toString() },
      });
    }
    const isPastStart = ctx.block.height > info.startHeight + params.signedBlocksWindow;
    if (!isPastStart || missedBlocksCounter <= maxMissed(params) || validator === undefined || validator.jailed) return;
    const burned = this.#staking.slash(ctx, address, ctx.block.height - UPDATE_DELAY - 1n, power, readDecimalBytes(params.slashFractionDowntime));
    this.#staking.jail(ctx, address);
    this.#emitSlash(ctx, address, power, 'missing_signature', burned);
    const clean = this.state.forgive(ctx, { ...info, missedBlocksCounter }, params.signedBlocksWindow);
    const seconds = ctx.block.timeSeconds + (params.downtimeJailDuration?.seconds ?? 0n);
    this.state.setInfo(ctx, address, { ...clean, jailedUntil: { seconds, nanos: 0 } });
  }

  /** Who is tombstoned was punished for all that he signed until then. */
  #punishDoubleSign(ctx: Context, { address, power, height, timeSeconds }: BlockMisbehavior): void {
    const validator = this.#staking.validatorByConsAddress(ctx, address);
    const info = this.state.info(ctx, address);
    if (validator === undefined || validator.status === BondStatus.UNBONDED || info === undefined || info.tombstoned) return;
    const fraction = readDecimalBytes(this.state.params(ctx).slashFractionDoubleSign);
    const burned = this.#staking.slash(ctx, address, height - UPDATE_DELAY, power, fraction);
    this.#staking.jail(ctx, address);
    this.#emitSlash(ctx, address, power, 'double_sign', burned);
    this.state.setInfo(ctx, address, { ...info, jailedUntil: { seconds: FOR_EVER_SECONDS, nanos: 0 }, tombstoned: true });
    this.state.addEvidence(ctx, { height, time: { seconds: timeSeconds, nanos: 0 }, power, consensusAddress: formatConsensusAddress(address) });
  }

  #emitSlash(ctx: Context, consAddress: Uint8Array, power: bigint, reason: string, burned: bigint): void {
    const address = formatConsensusAddress(consAddress);
    ctx.emit({ type: 'slash', attributes: { address, power: power.toString(), reason, jailed: address, burned_coins: burned.toString() } });
  }

  /** @throws ChainError slashing/2, 4 to 7 */
  unjail(ctx: Context, operator: string): void {
    const validator = this.#staking.validator(ctx, operator);
    if (validator === undefined) throw slashingError('NO_VALIDATOR', `address is not associated with any known validator: ${operator}`);
    const own = this.#staking.delegation(ctx, accountOfOperator(operator), operator);
    if (own === undefined) throw slashingError('NO_SELF_DELEGATION', 'validator has no self-delegation; cannot be unjailed');
    const tokens = tokensFromShares(validator, decimalFromWire(own.shares));
    if (tokens < BigInt(validator.minSelfDelegation)) {
      throw slashingError('SELF_DELEGATION_TOO_LOW', `${tokens} less than ${validator.minSelfDelegation}: validator's self delegation less than minimum; cannot be unjailed`);
    }
    if (!validator.jailed) throw slashingError('NOT_JAILED', 'validator not jailed; cannot be unjailed');
    const consAddress = consensusAddressOf(validator);
    const info = this.state.info(ctx, consAddress);
    if (info?.tombstoned === true) throw slashingError('STILL_JAILED', 'validator still jailed; cannot be unjailed: it has signed twice and is tombstoned');
    const until = info?.jailedUntil?.seconds ?? 0n;
    if (ctx.block.timeSeconds < until) {
      throw slashingError('STILL_JAILED', `validator still jailed; cannot be unjailed: block time ${ctx.block.timeSeconds} is before ${until}`, 'try again later');
    }
    this.#staking.unjail(ctx, consAddress);
  }
}
