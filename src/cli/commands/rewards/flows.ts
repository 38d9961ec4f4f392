/** All coins that came to an account or left it, from the events of transactions and blocks. */
import { z } from 'zod';

import type { ChainClient, ChainEvent } from '../../../client/index.js';
import { moduleAddress } from '../../../protocol/address.js';
import { parseAmount } from '../../../protocol/coins.js';
import { R3mesError } from '../../../protocol/errors.js';
import { Part, type SlashRecord } from '../../../protocol/gen/remes/remes/v1/node.js';
import { type Flow, Ledger } from '../../../protocol/ledger.js';

/** What genesis gives: coins and stakes. Everything else of it is left alone. */
const genesisState = z.object({
  bank: z.object({ balances: z.array(z.object({ address: z.string(), coins: z.array(z.object({ amount: z.string() })) })) }),
  node: z.object({ registrations: z.array(z.object({ address: z.string(), stake: z.string() })).default([]) }).optional(),
});

const STAKE_ESCROW = moduleAddress('node');
const DENOM_SUFFIX = /[a-z]+$/;
const PIN_TRIES = 50;

export interface Pinned {
  readonly height: bigint;
  readonly balance: bigint;
  /** In all parts. */
  readonly stake: bigint;
}

/** Balance and stake at one height: read again until no block came between. @throws R3mesError CHAIN_TOO_FAST */
export async function pin({ queries, status }: { queries: ChainClient['queries']; status: () => Promise<{ height: bigint }> }, address: string): Promise<Pinned> {
  for (let i = 0; i < PIN_TRIES; i++) {
    const before = (await status()).height;
    const balance = await queries.balance(address);
    let stake = 0n;
    for (const part of [Part.MINER, Part.PROPOSER, Part.VERIFIER]) stake += BigInt((await queries.registration(part, address))?.stake ?? '0');
    if ((await status()).height === before) return { height: before, balance, stake };
  }
  throw new R3mesError({ code: 'CHAIN_TOO_FAST', message: `blocks came faster than the balance of ${address} could be read, ${PIN_TRIES} times`, hint: 'try again, or ask a nearer node', retryable: true });
}

export interface Flows {
  readonly opening: bigint;
  /** From the account's point of view: what came is positive. */
  readonly of: (flow: Flow) => bigint;
  /** Halves of others' slashes that came for proving them. Part of no other flow here. */
  readonly bounties: bigint;
  readonly expected: bigint;
  readonly stake: { readonly genesis: bigint; readonly deposited: bigint; readonly returned: bigint };
  /** Heights of blocks in which it registered. */
  readonly registeredHeights: readonly bigint[];
}

function attribute(event: ChainEvent, key: string): string {
  return event.attributes.find((a) => a.key === key)?.value ?? '';
}

/** Events that concern an account, up to a height, each once. */
async function eventsOf(client: ChainClient, address: string, height: bigint): Promise<(ChainEvent & { readonly height: bigint })[]> {
  const { history } = client;
  const found: (ChainEvent & { readonly height: bigint })[] = [];
  const seen = new Set<string>();
  for (const name of ['transfer.sender', 'transfer.recipient']) {
    for (const tx of await history.txs(`${name}='${address}' AND tx.height<=${height}`)) {
      if (seen.has(tx.hash)) continue;
      seen.add(tx.hash);
      found.push(...tx.events.map((event) => ({ ...event, height: tx.height })));
    }
  }
  const heights = new Set<bigint>();
  for (const name of ['transfer.sender', 'transfer.recipient', 'coinbase.minter', 'burn.burner', 'stake_returned.address']) {
    for (const one of await history.blockHeights(`${name}='${address}' AND block.height<=${height}`)) heights.add(one);
  }
  for (const one of [...heights].sort((a, b) => (a < b ? -1 : 1))) found.push(...(await history.blockEvents(one)).map((event) => ({ ...event, height: one })));
  return found;
}

/** @param slashes of everybody: those that this account proved brought it bounties. */
export async function readFlows(client: ChainClient, address: string, height: bigint, slashes: readonly SlashRecord[]): Promise<Flows> {
  const { bank, node } = genesisState.parse((await client.genesis()).appState);
  const opening = bank.balances.filter((b) => b.address === address).reduce((sum, b) => sum + b.coins.reduce((all, c) => all + BigInt(c.amount), 0n), 0n);
  const ledger = new Ledger([[address, opening]]);
  let deposited = 0n;
  let returned = 0n;
  const registeredHeights: bigint[] = [];
  for (const event of await eventsOf(client, address, height)) {
    ledger.apply(event);
    const isDeposit = event.type === 'transfer' && attribute(event, 'sender') === address && attribute(event, 'recipient') === STAKE_ESCROW;
    if (isDeposit) deposited += parseAmount(attribute(event, 'amount').replace(DENOM_SUFFIX, ''));
    if (event.type === 'stake_returned' && attribute(event, 'address') === address) returned += BigInt(attribute(event, 'amount'));
    if (event.type === 'register_node' && attribute(event, 'address') === address && attribute(event, 'part') === 'miner') registeredHeights.push(event.height);
  }
  const bounties = slashes.filter((s) => s.bountyAddress === address && s.height <= height).reduce((sum, s) => sum + BigInt(s.bounty), 0n);
  return {
    opening,
    of: (flow) => ledger.flow(address, flow) - (flow === 'stake' ? bounties : 0n),
    bounties,
    expected: ledger.balance(address),
    stake: {
      genesis: (node?.registrations ?? []).filter((r) => r.address === address).reduce((sum, r) => sum + BigInt(r.stake), 0n),
      deposited,
      returned,
    },
    registeredHeights,
  };
}
