/** An application of accounts, money, distribution and governance over validators that lie in a map. */
import { attempt } from '../../src/chain/app/attempt.js';
import { createApp } from '../../src/chain/app/app.js';
import { createBase } from '../../src/chain/app/base.js';
import { FEE_COLLECTOR } from '../../src/chain/app/ante.js';
import type { MessageHandler, Module } from '../../src/chain/module.js';
import { DISTRIBUTION_ACCOUNT, DistributionKeeper, communityPoolSpend, distributionModule } from '../../src/chain/modules/distribution/index.js';
import { GovKeeper, defineContent, govModule } from '../../src/chain/modules/gov/index.js';
import { GOV_ACCOUNT } from '../../src/chain/modules/authority.js';
import { moduleAddress } from '../../src/protocol/address.js';
import { DECIMAL_ONE } from '../../src/protocol/decimal.js';
import { operatorOfAccount } from '../../src/protocol/validator-address.js';
import { FakeStaking } from '../unit/chain/modules/distribution/fake-staking.js';
import { TestChain, type TestChainOptions, testAccount } from './harness.js';

/** Tokens that each named account has bonded with itself. */
export type Stakes = Readonly<Record<string, bigint>>;

export interface GovernanceChain {
  readonly chain: TestChain;
  readonly gov: GovKeeper;
  readonly distribution: DistributionKeeper;
  readonly staking: FakeStaking;
}

/** Every application of a chain, replays included, has the same stakes and no others. */
export async function startGovernance(stakes: Stakes, options: TestChainOptions): Promise<GovernanceChain> {
  let parts: Omit<GovernanceChain, 'chain'> | undefined;
  const chain = await TestChain.start({
    ...options,
    createApp: (database, report) => {
      const base = createBase([GOV_ACCOUNT, DISTRIBUTION_ACCOUNT]);
      const { bank, accounts, closed } = base;
      const staking = new FakeStaking();
      for (const [name, tokens] of Object.entries(stakes)) {
        const { address } = testAccount(name);
        const operator = operatorOfAccount(address);
        staking.all.set(operator, {
          operator, consAddress: new Uint8Array(20), tokens, shares: tokens * DECIMAL_ONE, rate: 0n,
          delegations: new Map([[address, tokens * DECIMAL_ONE]]),
        });
      }
      const distribution = new DistributionKeeper({ bank, staking, fees: accounts, feeCollector: moduleAddress(FEE_COLLECTOR), closed });
      const gov = new GovKeeper(bank, staking);
      const modules: Module[] = [distributionModule(distribution), govModule(gov, bank, [defineContent(communityPoolSpend(distribution))])];
      const handlers = new Map<string, MessageHandler>([...base.modules, ...modules].flatMap((m) => m.messages).map((handler) => [handler.typeUrl, handler]));
      gov.connect({ handler: (typeUrl) => handlers.get(typeUrl), attempt: (ctx, run, keep) => attempt(ctx, run, keep, report) });
      parts ??= { gov, distribution, staking };
      return createApp({ database, base, modules, report });
    },
  });
  if (parts === undefined) throw new Error('no application was made');
  return { chain, ...parts };
}
