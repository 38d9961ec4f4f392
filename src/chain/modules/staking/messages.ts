import { parseAddress } from '../../../protocol/address.js';
import { coin, formatAmount, parseAmount, positiveCoin } from '../../../protocol/coins.js';
import { decimalFromWire, formatDecimal } from '../../../protocol/decimal.js';
import { InvalidInputError } from '../../../protocol/errors.js';
import type { Any } from '../../../protocol/gen/google/protobuf/any.js';
import { PubKey } from '../../../protocol/gen/cosmos/crypto/ed25519/keys.js';
import { Validator } from '../../../protocol/gen/cosmos/staking/v1beta1/staking.js';
import * as tx from '../../../protocol/gen/cosmos/staking/v1beta1/tx.js';
import { formatRfc3339 } from '../../../protocol/rfc3339.js';
import { accountOfOperator, checkOperatorAddress } from '../../../protocol/validator-address.js';
import { type MessageHandler, defineMessage } from '../../module.js';
import { defineAuthorityMessage } from '../authority.js';
import { sdkError } from '../sdk-errors.js';
import { changedCommission, checkMinimum, checkRates } from './commission.js';
import { changedDescription, checkedDescription } from './description.js';
import { stakingError } from './errors.js';
import type { StakingKeeper } from './keeper.js';
import { cancelUnbonding, redelegate, sharesToUnbond, undelegate } from './moves.js';
import { checkStakingParams } from './params.js';
import { wholeSeconds } from './pools.js';
import { tokensOf } from './shares.js';

export const ED25519_TYPE_URL = '/cosmos.crypto.ed25519.PubKey';
const ED25519_BYTES = 32;

/** @throws ChainError staking/6, or InvalidInputError for bytes that are no key. */
export function checkConsensusKey(pubkey: Any | undefined): void {
  if (pubkey?.typeUrl !== ED25519_TYPE_URL) {
    throw stakingError('CONSENSUS_KEY_TYPE', `validator pubkey type is not supported: expected ${ED25519_TYPE_URL}, got ${pubkey?.typeUrl.slice(0, 80) ?? 'none'}`);
  }
  let length: number;
  try {
    length = PubKey.decode(pubkey.value).key.length;
  } catch {
    throw new InvalidInputError('pubkey: the bytes are no ed25519 PubKey');
  }
  if (length !== ED25519_BYTES) throw new InvalidInputError(`pubkey: expected an ed25519 key of ${ED25519_BYTES} bytes, got ${length}`);
}

const time = (seconds: bigint): string => formatRfc3339(wholeSeconds(seconds));

function checkPair(msg: { delegatorAddress: string; validatorAddress: string; amount: tx.MsgDelegate['amount'] }): void {
  parseAddress(msg.delegatorAddress);
  checkOperatorAddress(msg.validatorAddress);
  positiveCoin(msg.amount, 'amount');
}

function minSelfDelegationOf(text: string): bigint {
  const amount = parseAmount(text);
  if (amount === 0n) throw new InvalidInputError('min_self_delegation: expected an amount above 0, got 0');
  return amount;
}

function createValidator(keeper: StakingKeeper): MessageHandler {
  return defineMessage({
    typeUrl: '/cosmos.staking.v1beta1.MsgCreateValidator',
    message: tx.MsgCreateValidator,
    response: tx.MsgCreateValidatorResponse,
    signer: (msg) => accountOfOperator(msg.validatorAddress),
    checkStateless: (msg) => {
      checkOperatorAddress(msg.validatorAddress);
      checkConsensusKey(msg.pubkey);
      const value = positiveCoin(msg.value, 'value');
      if (msg.description === undefined || msg.description.moniker === '') throw new InvalidInputError('description.moniker: expected a name, got none');
      checkedDescription(msg.description);
      checkRates(msg.commission);
      if (value < minSelfDelegationOf(msg.minSelfDelegation)) {
        throw stakingError('SELF_DELEGATION_BELOW_MINIMUM', "validator's self delegation must be greater than their minimum self delegation");
      }
    },
    execute: (ctx, msg) => {
      const operator = msg.validatorAddress;
      const value = positiveCoin(msg.value, 'value');
      checkMinimum(decimalFromWire(msg.commission?.rate ?? ''), decimalFromWire(keeper.params(ctx).minCommissionRate));
      const validator = Validator.fromPartial({
        operatorAddress: operator,
        description: msg.description,
        commission: { commissionRates: msg.commission, updateTime: wholeSeconds(ctx.block.timeSeconds) },
        consensusPubkey: msg.pubkey,
        unbondingTime: wholeSeconds(0n),
        minSelfDelegation: msg.minSelfDelegation,
      });
      keeper.create(ctx, validator);
      const account = accountOfOperator(operator);
      keeper.delegate(ctx, account, operator, value, account);
      ctx.emit({ type: 'create_validator', attributes: { validator: operator, amount: formatAmount(value) } });
      return {};
    },
  });
}

function editValidator(keeper: StakingKeeper): MessageHandler {
  return defineMessage({
    typeUrl: '/cosmos.staking.v1beta1.MsgEditValidator',
    message: tx.MsgEditValidator,
    response: tx.MsgEditValidatorResponse,
    signer: (msg) => accountOfOperator(msg.validatorAddress),
    checkStateless: (msg) => {
      checkOperatorAddress(msg.validatorAddress);
      if (msg.description === undefined) throw new InvalidInputError('description: expected one, got none');
      checkedDescription(msg.description);
      decimalFromWire(msg.commissionRate);
      if (msg.minSelfDelegation !== '') minSelfDelegationOf(msg.minSelfDelegation);
    },
    execute: (ctx, msg) => {
      const before = keeper.mustGet(ctx, msg.validatorAddress);
      let { commission, minSelfDelegation } = before;
      if (msg.commissionRate !== '') {
        const rate = decimalFromWire(msg.commissionRate);
        checkMinimum(rate, decimalFromWire(keeper.params(ctx).minCommissionRate));
        commission = changedCommission(commission, rate, ctx.block.timeSeconds);
      }
      if (msg.minSelfDelegation !== '') {
        const minimum = minSelfDelegationOf(msg.minSelfDelegation);
        if (minimum <= BigInt(minSelfDelegation)) throw stakingError('MIN_SELF_DELEGATION_DECREASED', 'minimum self delegation cannot be decrease');
        if (minimum > tokensOf(before)) {
          throw stakingError('SELF_DELEGATION_BELOW_MINIMUM', "validator's self delegation must be greater than their minimum self delegation");
        }
        minSelfDelegation = minimum.toString();
      }
      const description = changedDescription(before.description, msg.description ?? { moniker: '', identity: '', website: '', securityContact: '', details: '' });
      keeper.state.setValidator(ctx, { ...before, description, commission, minSelfDelegation });
      ctx.emit({
        type: 'edit_validator',
        attributes: { commission_rate: formatDecimal(decimalFromWire(commission?.commissionRates?.rate ?? '')), min_self_delegation: minSelfDelegation },
      });
      return {};
    },
  });
}

function delegations(keeper: StakingKeeper): MessageHandler[] {
  return [
    defineMessage({
      typeUrl: '/cosmos.staking.v1beta1.MsgDelegate',
      message: tx.MsgDelegate,
      response: tx.MsgDelegateResponse,
      signer: (msg) => msg.delegatorAddress,
      checkStateless: checkPair,
      execute: (ctx, { delegatorAddress: delegator, validatorAddress: validator, amount }) => {
        const tokens = positiveCoin(amount, 'amount');
        const shares = keeper.delegate(ctx, delegator, validator, tokens, delegator);
        ctx.emit({ type: 'delegate', attributes: { validator, delegator, amount: formatAmount(tokens), new_shares: formatDecimal(shares) } });
        return {};
      },
    }),
    defineMessage({
      typeUrl: '/cosmos.staking.v1beta1.MsgUndelegate',
      message: tx.MsgUndelegate,
      response: tx.MsgUndelegateResponse,
      signer: (msg) => msg.delegatorAddress,
      checkStateless: checkPair,
      execute: (ctx, { delegatorAddress: delegator, validatorAddress: validator, amount }) => {
        const shares = sharesToUnbond(keeper, ctx, delegator, validator, positiveCoin(amount, 'amount'));
        const { completionSeconds, tokens } = undelegate(keeper, ctx, delegator, validator, shares);
        ctx.emit({
          type: 'unbond',
          attributes: { validator, delegator, amount: formatAmount(tokens), completion_time: time(completionSeconds) },
        });
        return { completionTime: wholeSeconds(completionSeconds), amount: coin(tokens) };
      },
    }),
    defineMessage({
      typeUrl: '/cosmos.staking.v1beta1.MsgBeginRedelegate',
      message: tx.MsgBeginRedelegate,
      response: tx.MsgBeginRedelegateResponse,
      signer: (msg) => msg.delegatorAddress,
      checkStateless: (msg) => {
        checkPair({ ...msg, validatorAddress: msg.validatorSrcAddress });
        checkOperatorAddress(msg.validatorDstAddress);
      },
      execute: (ctx, { delegatorAddress: delegator, validatorSrcAddress: source, validatorDstAddress: target, amount }) => {
        const shares = sharesToUnbond(keeper, ctx, delegator, source, positiveCoin(amount, 'amount'));
        const { completionSeconds, tokens } = redelegate(keeper, ctx, delegator, source, target, shares);
        ctx.emit({
          type: 'redelegate',
          attributes: { source_validator: source, destination_validator: target, amount: formatAmount(tokens), completion_time: time(completionSeconds) },
        });
        return { completionTime: wholeSeconds(completionSeconds) };
      },
    }),
    defineMessage({
      typeUrl: '/cosmos.staking.v1beta1.MsgCancelUnbondingDelegation',
      message: tx.MsgCancelUnbondingDelegation,
      response: tx.MsgCancelUnbondingDelegationResponse,
      signer: (msg) => msg.delegatorAddress,
      checkStateless: (msg) => {
        checkPair(msg);
        if (msg.creationHeight <= 0n) throw sdkError('INVALID_HEIGHT', `invalid height: expected a creation height above 0, got ${msg.creationHeight}`);
      },
      execute: (ctx, { delegatorAddress: delegator, validatorAddress: validator, amount, creationHeight }) => {
        const tokens = positiveCoin(amount, 'amount');
        cancelUnbonding(keeper, ctx, delegator, validator, tokens, creationHeight);
        ctx.emit({
          type: 'cancel_unbonding_delegation',
          attributes: { amount: formatAmount(tokens), validator, delegator, creation_height: creationHeight.toString() },
        });
        return {};
      },
    }),
  ];
}

export function stakingMessages(keeper: StakingKeeper): readonly MessageHandler[] {
  return [
    createValidator(keeper),
    editValidator(keeper),
    ...delegations(keeper),
    defineAuthorityMessage({
      typeUrl: '/cosmos.staking.v1beta1.MsgUpdateParams',
      message: tx.MsgUpdateParams,
      response: tx.MsgUpdateParamsResponse,
      checkStateless: (msg) => {
        if (msg.params === undefined) throw new InvalidInputError('params: expected them, got none');
        checkStakingParams(msg.params);
      },
      execute: (ctx, msg) => {
        if (msg.params !== undefined) keeper.state.setParams(ctx, msg.params);
        return {};
      },
    }),
  ];
}
