/** Every method of StargateClient, SigningStargateClient and their query extensions, with real state behind each. */
import { makeSignDoc, type StdFee } from '@cosmjs/amino';
import { fromBase64, toBase64 } from '@cosmjs/encoding';
import { coin, coins, SigningStargateClient, assertIsDeliverTxSuccess, type DeliverTxResponse } from '@cosmjs/stargate';
// makeMultisignedTxBytes of 0.39.0 cannot split any address with the version of its bech32 library that it takes.
import { makeMultisignedTxBytes } from 'cosmjs-stargate-032';
import { encodePubkey } from '@cosmjs/proto-signing';
import { TextProposal, ProposalStatus, VoteOption } from 'cosmjs-types/cosmos/gov/v1beta1/gov';
import { BondStatus } from 'cosmjs-types/cosmos/staking/v1beta1/staking';
import { TxBody, TxRaw } from 'cosmjs-types/cosmos/tx/v1beta1/tx';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { GenesisDoc } from '../../src/protocol/genesis-doc.js';
import { BALANCE, BONDED, CHAIN_ID, cosmjsGenesis, validatorKey } from './cosmjs-harness.js';
import { type Accounts, type Clients, OPTIONS, openAccounts, openClients, stranger, valcons, valoper } from './cosmjs-stargate-accounts.js';

/** A chain of the given genesis, which has made its first block. */
export type OpenChain = (genesis: GenesisDoc) => Promise<{ readonly url: string; stop(): Promise<void> }>;

const REMES = 1_000_000n;
const remes = (amount: bigint) => coin((amount * REMES).toString(), 'uremes');
/** A decimal as protobuf carries it: the digits of 10⁻¹⁸. */
const decimal = (amount: bigint): string => (amount * 10n ** 18n).toString();
const FEE: StdFee = { amount: coins(1000, 'uremes'), gas: '300000' };
/** A consensus key that nobody signs with; its power stays far below a third. */
const IDLE_KEY = new Uint8Array(32).fill(77);

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const send = (from: string, to: string, amount: number) => ({ typeUrl: '/cosmos.bank.v1beta1.MsgSend', value: { fromAddress: from, toAddress: to, amount: coins(amount, 'uremes') } });

function attribute({ events }: DeliverTxResponse, type: string, name: string): string | undefined {
  return events.find((event) => event.type === type)?.attributes.find(({ key }) => key === name)?.value;
}

/** @param votingSeconds long enough for deposits and votes on this chain. */
export function stargateCases(name: string, openChain: OpenChain | undefined, votingSeconds: number): void {
  describe.skipIf(openChain === undefined)(`cosmjs 0.39 against ${name}`, () => {
    let accounts: Accounts;
    let clients: Clients;
    let chain: Awaited<ReturnType<OpenChain>>;
    let alice: string;
    let bob: string;
    let carol: string;
    let a: string;
    let b: string;
    let submittedAt: number;
    const ok = (result: DeliverTxResponse): DeliverTxResponse => {
      assertIsDeliverTxSuccess(result);
      return result;
    };
    const byBob = async (typeUrl: string, value: unknown, fee: StdFee | 'auto' = 'auto'): Promise<DeliverTxResponse> => clients.bob.signAndBroadcast(bob, [{ typeUrl, value }], fee);
    /** For what cosmjs cannot say in Amino JSON: unchanged fields of a validator, and MsgUnjail. */
    const byBobDirectly = async (typeUrl: string, value: unknown): Promise<void> => {
      const direct = await SigningStargateClient.connectWithSigner(chain.url, accounts.bobDirect, OPTIONS);
      ok(await direct.signAndBroadcast(bob, [{ typeUrl, value }], 'auto'));
      direct.disconnect();
    };

    beforeAll(async () => {
      accounts = await openAccounts();
      ({ alice, bob, carol } = accounts);
      [a, b] = [valoper(alice), valoper(bob)];
      const genesis = cosmjsGenesis([bob, carol, accounts.multisig.address], alice, true);
      const gov = genesis.appState['gov'] as { params: Record<string, unknown> };
      const appState = { ...genesis.appState, gov: { ...gov, params: { ...gov.params, voting_period: `${votingSeconds}s` } } };
      chain = await openChain!({ ...genesis, appState });
      clients = await openClients(chain.url, accounts);
    });
    afterAll(async () => {
      clients?.close();
      await chain?.stop();
    });

    it('reads chain, blocks, accounts and balances', async () => {
      const client = clients.alice;
      expect(await client.getChainId()).toBe(CHAIN_ID);
      expect(await client.getHeight()).toBeGreaterThan(0);
      const block = await client.getBlock(1);
      expect(block).toMatchObject({ header: { height: 1, chainId: CHAIN_ID, version: { block: '11', app: '1' } } });
      expect((await client.getBlock()).header.height).toBeGreaterThanOrEqual(1);
      expect(await client.getAccount(carol)).toEqual({ address: carol, pubkey: null, accountNumber: expect.any(BigInt) as bigint, sequence: 0 });
      expect(await client.getAccount(stranger(1))).toBeNull();
      expect(await client.getSequence(carol)).toMatchObject({ sequence: 0 });
      await expect(client.getSequence(stranger(1))).rejects.toThrow(/does not exist/);
      expect(await client.getBalance(carol, 'uremes')).toEqual(coin(BALANCE.toString(), 'uremes'));
      expect(await client.getBalance(carol, 'other')).toEqual(coin(0, 'other'));
      expect(await client.getAllBalances(carol)).toEqual(coins(BALANCE.toString(), 'uremes'));
      expect(await client.getAllBalances(stranger(1))).toEqual([]);
      expect(await client.getBalanceStaked(alice)).toEqual(coin(BONDED.toString(), 'uremes'));
      expect(await client.getBalanceStaked(carol)).toBeNull();
      expect(await client.getDelegation(alice, a)).toEqual(coin(BONDED.toString(), 'uremes'));
      expect(await client.getDelegation(carol, a)).toBeNull();
    });

    it('sends, signing directly and by Amino, by every way that there is to broadcast', async () => {
      const { alice: client, bob: ledger, carol: third } = clients;
      const to = stranger(2);
      expect(await client.simulate(alice, [send(alice, to, 1)], 'memo')).toBeGreaterThan(10_000);
      ok(await client.sendTokens(alice, to, coins(1, 'uremes'), 'auto', 'memo'));
      ok(await ledger.sendTokens(bob, to, coins(2, 'uremes'), 1.5, '<memo> & "more" ü'));
      const signed = TxRaw.encode(await client.sign(alice, [send(alice, to, 4)], FEE, '')).finish();
      const result = ok(await client.broadcastTx(signed, 45_000, 100));
      expect(await client.getTx(result.transactionHash)).toMatchObject({ height: result.height, code: 0, hash: result.transactionHash, tx: signed });
      const { accountNumber, sequence } = await third.getSequence(carol);
      const explicit = await third.sign(carol, [send(carol, to, 8)], FEE, '', { accountNumber, sequence, chainId: CHAIN_ID });
      const hash = await third.broadcastTxSync(TxRaw.encode(explicit).finish());
      while ((await third.getTx(hash)) === null) await pause(100);
      const second = await third.signAndBroadcastSync(carol, [send(carol, to, 16)], 'auto');
      while ((await third.getTx(second)) === null) await pause(100);
      expect(await client.getBalance(to, 'uremes')).toEqual(coin(31, 'uremes'));
      const found = await client.searchTx([{ key: 'transfer.recipient', value: to }]);
      expect(found.map((tx) => tx.hash)).toEqual(expect.arrayContaining([result.transactionHash, hash, second]));
      expect(found).toHaveLength(5);
      expect((await client.searchTx(`tx.height=${result.height}`)).map((tx) => tx.hash)).toContain(result.transactionHash);
      expect(await client.getTx('00'.repeat(32))).toBeNull();
    });

    it('sends for two of three members of a multisig', async () => {
      const { address, pubkey, members } = accounts.multisig;
      const client = clients.alice;
      const { accountNumber, sequence } = await client.getSequence(address);
      const aminoMessage = { type: 'cosmos-sdk/MsgSend', value: { from_address: address, to_address: stranger(3), amount: coins(9, 'uremes') } };
      const document = makeSignDoc([aminoMessage], FEE, CHAIN_ID, 'together', Number(accountNumber), sequence);
      const signatures = new Map<string, Uint8Array>();
      for (const member of members.slice(1)) {
        const signer = (await member.getAccounts())[0]!.address;
        signatures.set(signer, fromBase64((await member.signAmino(signer, document)).signature.signature));
      }
      const message = OPTIONS.registry!.encodeAsAny(send(address, stranger(3), 9));
      const bodyBytes = TxBody.encode(TxBody.fromPartial({ messages: [message], memo: 'together' })).finish();
      ok(await client.broadcastTx(makeMultisignedTxBytes(pubkey, sequence, FEE, bodyBytes, signatures), 45_000, 100));
      expect(await client.getBalance(stranger(3), 'uremes')).toEqual(coin(9, 'uremes'));
      expect((await client.getAccount(address))!.pubkey).toEqual(pubkey);
      const one = new Map([...signatures].slice(0, 1));
      await expect(client.broadcastTx(makeMultisignedTxBytes(pubkey, sequence + 1, FEE, bodyBytes, one))).rejects.toThrow(/Broadcasting transaction failed with code 4/);
    });

    it('is refused clearly: IBC, too few coins, too little fee, too late, by a stranger', async () => {
      const { alice: client, bob: ledger } = clients;
      // Old wallets still call it.
      // eslint-disable-next-line @typescript-eslint/no-deprecated
      const ibc = (fee: StdFee | 'auto') => client.sendIbcTokens(alice, 'cosmos1xyz', remes(1n), 'transfer', 'channel-0', undefined, 4_000_000_000, fee);
      await expect(ibc('auto')).rejects.toThrow(/ibc\.applications\.transfer\.v1\.MsgTransfer/);
      await expect(ibc(FEE)).rejects.toThrow(/ibc\.applications\.transfer\.v1\.MsgTransfer/);
      await expect(ledger.sendTokens(bob, alice, [remes(1_000_000n)], 'auto')).rejects.toThrow(/insufficient funds/);
      const failed = await ledger.sendTokens(bob, alice, [remes(1_000_000n)], FEE);
      expect(failed).toMatchObject({ code: 5, rawLog: expect.stringMatching(/insufficient funds/) as string });
      expect((await ledger.getTx(failed.transactionHash))!.code).toBe(5);
      await expect(ledger.sendTokens(bob, alice, coins(1, 'uremes'), { amount: [], gas: '300000' })).rejects.toMatchObject({ code: 13, codespace: 'sdk' });
      await expect(client.signAndBroadcast(alice, [send(alice, bob, 1)], FEE, '', 1n)).rejects.toMatchObject({ code: 30, codespace: 'sdk' });
      await expect(client.signAndBroadcast(alice, [send(bob, alice, 1)], FEE)).rejects.toThrow(/signers|pubKey|signature|signer/);
      const offline = await SigningStargateClient.offline(accounts.wallets.alice, OPTIONS);
      const wrong = await offline.sign(alice, [send(alice, bob, 1)], FEE, '', { accountNumber: 999n, sequence: 999, chainId: CHAIN_ID });
      await expect(client.broadcastTxSync(TxRaw.encode(wrong).finish())).rejects.toMatchObject({ code: 32, codespace: 'sdk' });
    });

    it('submits a proposal, deposits and votes', async () => {
      const { gov } = clients.queries;
      const content = { typeUrl: '/cosmos.gov.v1beta1.TextProposal', value: TextProposal.encode({ title: 'Text', description: 'Words & <more>' }).finish() };
      const submitted = ok(await byBob('/cosmos.gov.v1beta1.MsgSubmitProposal', { content, proposer: bob, initialDeposit: [remes(4n)] }));
      expect(attribute(submitted, 'submit_proposal', 'proposal_id')).toBe('1');
      expect((await gov.proposal(1)).proposal).toMatchObject({ proposalId: 1n, status: ProposalStatus.PROPOSAL_STATUS_DEPOSIT_PERIOD, totalDeposit: [remes(4n)] });
      ok(await clients.carol.signAndBroadcast(carol, [{ typeUrl: '/cosmos.gov.v1beta1.MsgDeposit', value: { proposalId: 1n, depositor: carol, amount: [remes(6n)] } }], 'auto'));
      submittedAt = Date.now();
      expect((await gov.proposal('1')).proposal).toMatchObject({ status: ProposalStatus.PROPOSAL_STATUS_VOTING_PERIOD, totalDeposit: [remes(10n)] });
      const options = [{ option: VoteOption.VOTE_OPTION_YES, weight: '700000000000000000' }, { option: VoteOption.VOTE_OPTION_ABSTAIN, weight: '300000000000000000' }];
      ok(await clients.alice.signAndBroadcast(alice, [{ typeUrl: '/cosmos.gov.v1beta1.MsgVoteWeighted', value: { proposalId: 1n, voter: alice, options } }], 'auto'));
      ok(await byBob('/cosmos.gov.v1beta1.MsgVote', { proposalId: 1n, voter: bob, option: VoteOption.VOTE_OPTION_NO }));
      expect((await gov.deposits(1)).deposits.map(({ depositor, amount }) => [depositor, amount]).sort()).toEqual([[bob, [remes(4n)]], [carol, [remes(6n)]]].sort());
      expect((await gov.deposit(1, carol)).deposit).toEqual({ proposalId: 1n, depositor: carol, amount: [remes(6n)] });
      expect((await gov.votes(1)).votes.map(({ voter }) => voter).sort()).toEqual([alice, bob].sort());
      expect((await gov.vote(1, alice)).vote).toMatchObject({ voter: alice, options });
      expect((await gov.tally(1)).tally).toEqual({ yes: (7n * REMES).toString(), abstain: (3n * REMES).toString(), no: '0', noWithVeto: '0' });
      const every = ProposalStatus.PROPOSAL_STATUS_UNSPECIFIED;
      expect((await gov.proposals(ProposalStatus.PROPOSAL_STATUS_VOTING_PERIOD, '', '')).proposals.map((p) => p.proposalId)).toEqual([1n]);
      expect((await gov.proposals(every, carol, alice)).proposals).toHaveLength(1);
      expect((await gov.proposals(every, alice, '')).proposals).toHaveLength(0);
      expect((await gov.params('voting')).votingParams.votingPeriod.seconds).toBe(BigInt(votingSeconds));
      expect((await gov.params('deposit')).depositParams.minDeposit).toEqual([remes(10n)]);
      expect(Buffer.from((await gov.params('tallying')).tallyParams.quorum).toString()).toBe('400000000000000000');
      await expect(gov.proposal(99)).rejects.toThrow(/NotFound/);
    });

    it('delegates, redelegates, unbonds, cancels, and runs a second validator', async () => {
      ok(await clients.carol.delegateTokens(carol, a, remes(40n), 'auto'));
      // No field empty: cosmjs signs them empty in Amino JSON, where the SDK, and so the chain, leaves them out.
      const description = { moniker: 'bob & co', identity: 'ABCDEF0123456789', website: 'https://bob.example', securityContact: 'bob@bob.example', details: 'Two\nlines' };
      const commission = { rate: '100000000000000000', maxRate: '200000000000000000', maxChangeRate: '10000000000000000' };
      const pubkey = encodePubkey({ type: 'tendermint/PubKeyEd25519', value: toBase64(IDLE_KEY) });
      const create = { description, commission, minSelfDelegation: REMES.toString(), delegatorAddress: bob, validatorAddress: b, pubkey, value: remes(2n) };
      ok(await byBob('/cosmos.staking.v1beta1.MsgCreateValidator', create));
      const edit = { description: { ...description, moniker: 'bob' }, validatorAddress: b, commissionRate: '', minSelfDelegation: '' };
      await byBobDirectly('/cosmos.staking.v1beta1.MsgEditValidator', edit);
      ok(await clients.carol.signAndBroadcast(carol, [{ typeUrl: '/cosmos.staking.v1beta1.MsgBeginRedelegate', value: { delegatorAddress: carol, validatorSrcAddress: a, validatorDstAddress: b, amount: remes(1n) } }], 'auto'));
      const unbonded = ok(await clients.carol.undelegateTokens(carol, a, remes(3n), 'auto'));
      const cancel = { delegatorAddress: carol, validatorAddress: a, amount: remes(1n), creationHeight: BigInt(unbonded.height) };
      ok(await clients.carol.signAndBroadcast(carol, [{ typeUrl: '/cosmos.staking.v1beta1.MsgCancelUnbondingDelegation', value: cancel }], 'auto'));
      expect(await clients.carol.getDelegation(carol, a)).toEqual(remes(37n));
      expect(await clients.carol.getBalanceStaked(carol)).toEqual(remes(38n));
    });

    it('answers the fourteen queries of staking', async () => {
      const { staking } = clients.queries;
      const delegation = await staking.delegation(carol, a);
      expect(delegation.delegationResponse).toEqual({ delegation: { delegatorAddress: carol, validatorAddress: a, shares: decimal(37n * REMES) }, balance: remes(37n) });
      await expect(staking.delegation(stranger(1), a)).rejects.toThrow(/key not found/);
      expect((await staking.delegatorDelegations(carol)).delegationResponses.map(({ balance }) => balance).sort()).toEqual([remes(37n), remes(1n)].sort());
      const unbonding = await staking.unbondingDelegation(carol, a);
      expect(unbonding.unbond).toMatchObject({ delegatorAddress: carol, validatorAddress: a, entries: [{ initialBalance: (2n * REMES).toString(), balance: (2n * REMES).toString() }] });
      expect((await staking.delegatorUnbondingDelegations(carol)).unbondingResponses).toEqual([unbonding.unbond]);
      expect((await staking.validatorUnbondingDelegations(a)).unbondingResponses).toEqual([unbonding.unbond]);
      expect((await staking.redelegations(carol, a, b)).redelegationResponses).toMatchObject([{ redelegation: { validatorSrcAddress: a, validatorDstAddress: b }, entries: [{ balance: REMES.toString() }] }]);
      expect((await staking.delegatorValidator(carol, b)).validator).toMatchObject({ operatorAddress: b, description: { moniker: 'bob' } });
      expect((await staking.delegatorValidators(carol)).validators.map((v) => v.operatorAddress).sort()).toEqual([a, b].sort());
      expect((await staking.validator(a)).validator).toMatchObject({ operatorAddress: a, status: BondStatus.BOND_STATUS_BONDED, jailed: false, tokens: (47n * REMES).toString(), delegatorShares: decimal(47n * REMES) });
      expect((await staking.validatorDelegations(a)).delegationResponses.map(({ delegation: { delegatorAddress } }) => delegatorAddress).sort()).toEqual([alice, carol].sort());
      expect((await staking.validators('BOND_STATUS_BONDED')).validators.map((v) => v.operatorAddress)).toEqual([a, b]);
      expect((await staking.validators('BOND_STATUS_UNBONDED')).validators).toEqual([]);
      expect((await staking.validators('')).validators).toHaveLength(2);
      expect((await staking.pool()).pool).toEqual({ bondedTokens: (50n * REMES).toString(), notBondedTokens: (2n * REMES).toString() });
      expect((await staking.params()).params).toMatchObject({ bondDenom: 'uremes', unbondingTime: { seconds: 1_814_400n } });
      const history = await staking.historicalInfo((await clients.alice.getHeight()) - 1);
      expect(history.hist).toMatchObject({ header: { chainId: CHAIN_ID }, valset: expect.arrayContaining([expect.objectContaining({ operatorAddress: a })]) as unknown });
    });

    it('jails a validator whose own delegation is too small, and lets it out', async () => {
      const { staking, slashing } = clients.queries;
      ok(await clients.bob.undelegateTokens(bob, b, coin(1_500_000, 'uremes'), 'auto'));
      expect((await staking.validator(b)).validator).toMatchObject({ jailed: true, status: BondStatus.BOND_STATUS_UNBONDING });
      expect((await staking.validators('BOND_STATUS_UNBONDING')).validators.map((v) => v.operatorAddress)).toEqual([b]);
      await expect(byBob('/cosmos.slashing.v1beta1.MsgUnjail', { validatorAddr: b })).rejects.toThrow(/self delegation/);
      expect((await slashing.signingInfo(valcons(IDLE_KEY))).valSigningInfo).toMatchObject({ address: valcons(IDLE_KEY), tombstoned: false });
      const { info } = await slashing.signingInfos();
      expect(info.map(({ address }) => address).sort()).toEqual([valcons(IDLE_KEY), valcons(validatorKey.publicKey)].sort());
      expect((await slashing.params()).params).toMatchObject({ signedBlocksWindow: 10_000n, downtimeJailDuration: { seconds: 600n } });
      ok(await clients.bob.delegateTokens(bob, b, remes(1n), 'auto'));
      await byBobDirectly('/cosmos.slashing.v1beta1.MsgUnjail', { validatorAddr: b });
      expect((await staking.validator(b)).validator).toMatchObject({ jailed: false, status: BondStatus.BOND_STATUS_BONDED });
    });

    it('pays rewards and commission', async () => {
      const { distribution } = clients.queries;
      const total = await distribution.delegationTotalRewards(carol);
      expect(total.rewards.map((r) => r.validatorAddress)).toContain(a);
      const { rewards } = await distribution.delegationRewards(carol, a);
      expect(BigInt(rewards[0]!.amount)).toBeGreaterThan(10n ** 18n);
      expect(BigInt((await distribution.validatorOutstandingRewards(a)).rewards.rewards[0]!.amount)).toBeGreaterThan(BigInt(rewards[0]!.amount));
      expect(BigInt((await distribution.validatorCommission(a)).commission.commission[0]!.amount)).toBeGreaterThan(10n ** 18n);
      expect(BigInt((await distribution.communityPool()).pool[0]!.amount)).toBeGreaterThan(10n ** 18n);
      ok(await clients.carol.signAndBroadcast(carol, [{ typeUrl: '/cosmos.distribution.v1beta1.MsgSetWithdrawAddress', value: { delegatorAddress: carol, withdrawAddress: stranger(4) } }], 'auto'));
      expect((await distribution.delegatorWithdrawAddress(carol)).withdrawAddress).toBe(stranger(4));
      const withdrawn = ok(await clients.carol.withdrawRewards(carol, a, 'auto'));
      expect(attribute(withdrawn, 'withdraw_rewards', 'amount')).toMatch(/^[1-9][0-9]*uremes$/);
      expect(`${(await clients.carol.getBalance(stranger(4), 'uremes')).amount}uremes`).toBe(attribute(withdrawn, 'withdraw_rewards', 'amount'));
      const commission = ok(await clients.alice.signAndBroadcast(alice, [{ typeUrl: '/cosmos.distribution.v1beta1.MsgWithdrawValidatorCommission', value: { validatorAddress: a } }], 'auto'));
      expect(attribute(commission, 'withdraw_commission', 'amount')).toMatch(/^[1-9][0-9]*uremes$/);
      ok(await byBob('/cosmos.distribution.v1beta1.MsgFundCommunityPool', { depositor: bob, amount: [remes(3n)] }));
      expect(BigInt((await distribution.communityPool()).pool[0]!.amount)).toBeGreaterThan(3n * REMES * 10n ** 18n);
      expect((await distribution.delegatorValidators(carol)).validators.sort()).toEqual([a, b].sort());
      expect((await distribution.params()).params).toMatchObject({ communityTax: '300000000000000000', withdrawAddrEnabled: true });
      expect((await distribution.validatorSlashes(a, 0, 1_000_000)).slashes).toEqual([]);
    });

    it('reads supply, inflation and what nobody granted', async () => {
      const { bank, mint, auth, authz, feegrant } = clients.queries;
      const supply = await bank.supplyOf('uremes');
      expect(BigInt(supply.amount)).toBeGreaterThan(4n * BALANCE);
      expect((await bank.totalSupply()).supply).toMatchObject([{ denom: 'uremes' }]);
      expect(await bank.balance(bob, 'uremes')).toEqual(await clients.bob.getBalance(bob, 'uremes'));
      expect(await bank.allBalances(bob)).toHaveLength(1);
      expect(await bank.denomMetadata('uremes')).toMatchObject({ base: 'uremes', display: 'REMES', denomUnits: [{ denom: 'uremes', exponent: 0 }, { denom: 'REMES', exponent: 6 }] });
      expect((await bank.denomsMetadata()).map(({ base }) => base)).toEqual(['uremes']);
      expect((await mint.params()).mintDenom).toBe('uremes');
      const provisions = await mint.annualProvisions();
      expect(provisions.toFloatApproximation()).toBeGreaterThan(0);
      // Between two blocks fees are burned: the quotient is that of a supply nearby.
      expect((await mint.inflation()).toFloatApproximation()).toBeCloseTo(provisions.toFloatApproximation() / Number(supply.amount), 3);
      expect((await auth.account(alice))!.typeUrl).toBe('/cosmos.auth.v1beta1.BaseAccount');
      await expect(auth.account(stranger(1))).rejects.toThrow(/NotFound/);
      expect((await authz.grants(alice, bob, '')).grants).toEqual([]);
      expect((await authz.granterGrants(alice)).grants).toEqual([]);
      expect((await authz.granteeGrants(alice)).grants).toEqual([]);
      expect((await feegrant.allowances(alice)).allowances).toEqual([]);
      await expect(feegrant.allowance(alice, bob)).rejects.toThrow(/NotFound/);
    });

    it('simulates and finds transactions through the service of transactions', async () => {
      const { tx } = clients.queries;
      const { pubkey } = (await accounts.wallets.alice.getAccounts())[0]!;
      const { sequence } = await clients.alice.getSequence(alice);
      const simulated = await tx.simulate([OPTIONS.registry!.encodeAsAny(send(alice, bob, 1))], 'memo', { type: 'tendermint/PubKeySecp256k1', value: toBase64(pubkey) }, sequence);
      expect(simulated.gasInfo!.gasUsed).toBeGreaterThan(10_000n);
      const sent = ok(await clients.alice.sendTokens(alice, bob, coins(1, 'uremes'), 'auto', 'find me'));
      const found = await tx.getTx(sent.transactionHash);
      expect(found.tx!.body!.memo).toBe('find me');
      expect(found.txResponse).toMatchObject({ txhash: sent.transactionHash, height: BigInt(sent.height), code: 0, gasUsed: sent.gasUsed });
      await expect(tx.getTx('00'.repeat(32))).rejects.toThrow(/not found/);
    });

    it('sees the proposal pass', async () => {
      const { gov } = clients.queries;
      while (Date.now() < submittedAt + votingSeconds * 1000) await pause(200);
      while ((await gov.proposal(1)).proposal.status === ProposalStatus.PROPOSAL_STATUS_VOTING_PERIOD) await pause(200);
      expect((await gov.proposal(1)).proposal).toMatchObject({ status: ProposalStatus.PROPOSAL_STATUS_PASSED });
      expect((await gov.deposits(1)).deposits).toEqual([]);
      expect(BigInt((await gov.tally(1)).tally.yes)).toBeGreaterThan(0n);
    });

    it('called every method', () => {
      expect(clients.uncalled()).toEqual(['client.disconnect']); // which closes them in the end
    });
  });
}
