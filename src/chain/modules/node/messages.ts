import { parseAddress } from '../../../protocol/address.js';
import { coin, positiveCoin } from '../../../protocol/coins.js';
import { Part } from '../../../protocol/gen/remes/remes/v1/node.js';
import {
  MsgReactivateNode,
  MsgReactivateNodeResponse,
  MsgRegisterNode,
  MsgRegisterNodeResponse,
  MsgTopUpStake,
  MsgTopUpStakeResponse,
  MsgUnregisterNode,
  MsgUnregisterNodeResponse,
} from '../../../protocol/gen/remes/remes/v1/tx.js';
import { defineMessage, type MessageHandler } from '../../module.js';
import { nodeError } from './errors.js';
import type { NodeKeeper } from './keeper.js';

function checkPart(part: Part): void {
  if (part !== Part.MINER && part !== Part.PROPOSER && part !== Part.VERIFIER) {
    throw nodeError('PART_NOT_OPEN', `expected the part miner, proposer or verifier, got number ${part}`);
  }
}

/** @param closed accounts of modules: a stake paid out to the escrow would stay there as nobody's. */
export function nodeMessages(keeper: NodeKeeper, closed: ReadonlySet<string>): MessageHandler[] {
  return [
    defineMessage({
      typeUrl: '/remes.remes.v1.MsgRegisterNode',
      message: MsgRegisterNode,
      response: MsgRegisterNodeResponse,
      signer: (msg) => msg.address,
      checkStateless: (msg) => {
        checkPart(msg.part);
        positiveCoin(msg.stake, 'stake');
        if (msg.payoutAddress !== '') parseAddress(msg.payoutAddress);
        if (closed.has(msg.payoutAddress)) {
          throw nodeError('INVALID_MESSAGE', `payout_address: expected an account with a key, got ${msg.payoutAddress}, which belongs to a module`);
        }
      },
      execute: (ctx, msg) => {
        const stake = positiveCoin(msg.stake, 'stake');
        const r = keeper.register(ctx, msg.part, msg.address, stake, msg.payoutAddress);
        ctx.emit({ type: 'register_node', attributes: { address: msg.address, part: Part[msg.part].toLowerCase(), stake: r.stake } });
        return { effectiveHeight: r.effectiveHeight };
      },
    }),
    defineMessage({
      typeUrl: '/remes.remes.v1.MsgTopUpStake',
      message: MsgTopUpStake,
      response: MsgTopUpStakeResponse,
      signer: (msg) => msg.address,
      checkStateless: (msg) => {
        checkPart(msg.part);
        positiveCoin(msg.amount, 'amount');
      },
      execute: (ctx, msg) => {
        const r = keeper.topUp(ctx, msg.part, msg.address, positiveCoin(msg.amount, 'amount'));
        ctx.emit({ type: 'top_up_stake', attributes: { address: msg.address, part: Part[msg.part].toLowerCase(), stake: r.stake } });
        return { stake: coin(BigInt(r.stake)) };
      },
    }),
    defineMessage({
      typeUrl: '/remes.remes.v1.MsgReactivateNode',
      message: MsgReactivateNode,
      response: MsgReactivateNodeResponse,
      signer: (msg) => msg.address,
      checkStateless: (msg) => checkPart(msg.part),
      execute: (ctx, msg) => {
        const r = keeper.reactivate(ctx, msg.part, msg.address);
        ctx.emit({ type: 'reactivate_node', attributes: { address: msg.address, part: Part[msg.part].toLowerCase() } });
        return { effectiveHeight: r.effectiveHeight };
      },
    }),
    defineMessage({
      typeUrl: '/remes.remes.v1.MsgUnregisterNode',
      message: MsgUnregisterNode,
      response: MsgUnregisterNodeResponse,
      signer: (msg) => msg.address,
      checkStateless: (msg) => checkPart(msg.part),
      execute: (ctx, msg) => {
        keeper.unregister(ctx, msg.part, msg.address);
        ctx.emit({ type: 'unregister_node', attributes: { address: msg.address, part: Part[msg.part].toLowerCase() } });
        return {};
      },
    }),
  ];
}
