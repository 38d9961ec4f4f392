import type { ChainClient, ChainMessage, ChainQueries, ChainSigner } from '../client/index.js';

/** What the roles read of the chain. Absent records are `undefined`; lists are whole. */
export type ChainView = { readonly chainId: string } & Pick<
  ChainQueries,
  'params' | 'model' | 'dataset' | 'window' | 'job' | 'gradient' | 'gradients' | 'aggregation' | 'openDuties' | 'duties' | 'cases'
>;

/** Signs and broadcasts as one account. */
export interface Sender {
  readonly address: string;
  /** 32 secret bytes that only this account's owner knows: salts come from them, so that a restart finds the same ones. */
  readonly saltSeed: Uint8Array;
  /** @returns the transaction hash once the node took it. @throws R3mesError where it refused. */
  submit(message: ChainMessage, gasLimit: bigint): Promise<string>;
}

export function chainView(client: ChainClient): ChainView {
  const { queries: q } = client;
  return {
    chainId: client.chainId,
    params: () => q.params(),
    model: (id) => q.model(id),
    dataset: (id) => q.dataset(id),
    window: (id) => q.window(id),
    job: (windowId, miner) => q.job(windowId, miner),
    gradient: (id) => q.gradient(id),
    gradients: (windowId) => q.gradients(windowId),
    aggregation: (windowId) => q.aggregation(windowId),
    openDuties: (verifier) => q.openDuties(verifier),
    duties: (windowId) => q.duties(windowId),
    cases: (windowId, openOnly) => q.cases(windowId, openOnly),
  };
}

export function createSender(client: ChainClient, signer: ChainSigner, saltSeed: Uint8Array): Sender {
  return {
    address: signer.address,
    saltSeed,
    submit: async (message, gasLimit) => (await client.submit(signer, [message], { gas: gasLimit })).hash,
  };
}
