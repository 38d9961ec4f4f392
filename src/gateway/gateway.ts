/** REST and gRPC over one node: in its process, or as a process of its own that knows only the node's RPC. */
import type { Backend } from './backend.js';
import { GrpcServer } from './grpc.js';
import { RestServer } from './rest.js';
import { Router } from './router.js';
import { blockServices } from './services/blocks.js';
import { nodeServices } from './services/node.js';
import { txServices } from './services/txs.js';

/** Where a server listens; port 0: any free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface GatewayOptions {
  readonly backend: Backend;
  /** Of this package. */
  readonly version: string;
  /** Absent: no REST. */
  readonly rest?: ListenAddress;
  /** Absent: no gRPC. */
  readonly grpc?: ListenAddress;
  /** Hears of bugs; clients are told nothing of them. */
  readonly report: (error: unknown) => void;
}

export class Gateway {
  readonly #rest: RestServer | undefined;
  readonly #grpc: GrpcServer | undefined;

  private constructor(rest: RestServer | undefined, grpc: GrpcServer | undefined) {
    this.#rest = rest;
    this.#grpc = grpc;
  }

  /** @throws R3mesError PORT_IN_USE, CANNOT_LISTEN; nothing is left open then. */
  static async open({ backend, version, rest, grpc, report }: GatewayOptions): Promise<Gateway> {
    const router = new Router(backend, [...blockServices(version), ...txServices, ...nodeServices], report);
    const restServer = rest === undefined ? undefined : await RestServer.listen({ router, version, report, ...rest });
    try {
      return new Gateway(restServer, grpc === undefined ? undefined : await GrpcServer.listen({ router, backend, ...grpc }));
    } catch (error) {
      await restServer?.close();
      throw error;
    }
  }

  /** E.g. `http://127.0.0.1:1317`; nothing where there is no REST. */
  get restUrl(): string | undefined {
    return this.#rest?.url;
  }

  /** E.g. `127.0.0.1:9090`; nothing where there is no gRPC. */
  get grpcAddress(): string | undefined {
    return this.#grpc?.address;
  }

  async close(): Promise<void> {
    await this.#grpc?.close();
    await this.#rest?.close();
  }
}
