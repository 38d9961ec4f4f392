/** REST and gRPC beside a node, in the process that runs it; loaded only where somebody wants them. */
import type { ListenAddress } from './listen-address.js';

const NODE_TIMEOUT_MS = 10_000;

export interface GatewaySettings {
  readonly api?: ListenAddress | undefined;
  readonly grpc?: ListenAddress | undefined;
}

export interface OpenGateway {
  /** URL of REST; absent where there is none. */
  readonly api: string | undefined;
  /** `host:port` of gRPC; absent where there is none. */
  readonly grpc: string | undefined;
  close(): Promise<void>;
}

/**
 * @param rpc URL of the node's RPC, which is all that the gateway knows of it.
 * @returns nothing where neither server is wanted.
 * @throws R3mesError PORT_IN_USE, CANNOT_LISTEN.
 */
export async function openGateway(rpc: string, { api, grpc }: GatewaySettings, report: (text: string) => void): Promise<OpenGateway | undefined> {
  if (api === undefined && grpc === undefined) return undefined;
  const [{ Gateway, rpcBackend }, { RpcConnection }, { packageVersion }] = await Promise.all([
    import('../../gateway/index.js'),
    import('../../client/rpc.js'),
    import('../../native/load.js'),
  ]);
  const gateway = await Gateway.open({
    backend: rpcBackend(new RpcConnection(rpc, NODE_TIMEOUT_MS)),
    version: packageVersion(),
    ...(api === undefined ? {} : { rest: api }),
    ...(grpc === undefined ? {} : { grpc }),
    report: (error) => report(error instanceof Error ? (error.stack ?? error.message) : String(error)),
  });
  return { api: gateway.restUrl, grpc: gateway.grpcAddress, close: () => gateway.close() };
}
