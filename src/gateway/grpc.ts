/** The same methods over gRPC, with reflection and health; on the loopback address unless told otherwise. */
import { Metadata, Server, ServerCredentials, type ServerUnaryCall, logVerbosity, type sendUnaryData, setLogVerbosity } from '@grpc/grpc-js';

import type { Backend } from './backend.js';
import { type Method, schema } from './descriptors.js';
import { RAW, rawMethod } from './grpc-definition.js';
import { healthDefinition, healthService } from './health.js';
import { HEIGHT_HEADER, readHeight } from './height.js';
import { REFLECTION_SERVICES, reflectionDefinition, reflectionService } from './reflection.js';
import { cannotListen } from './rest.js';
import type { Answer, Router } from './router.js';

export interface GrpcOptions {
  readonly router: Router;
  readonly backend: Backend;
  /** 0: any free port. */
  readonly port: number;
  readonly host?: string;
}

const MAX_REQUEST_BYTES = 1_000_000;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const MAX_STREAMS = 100;
const HEALTH = 'grpc.health.v1.Health';

export class GrpcServer {
  readonly host: string;
  readonly port: number;
  readonly #server: Server;

  private constructor(host: string, port: number, server: Server) {
    this.host = host;
    this.port = port;
    this.#server = server;
  }

  /** @throws R3mesError PORT_IN_USE, or CANNOT_LISTEN for an address that is not ours. */
  static async listen({ router, backend, port, host = '127.0.0.1' }: GrpcOptions): Promise<GrpcServer> {
    // What the library would write to stderr comes back as an error too.
    setLogVerbosity(logVerbosity.NONE);
    const server = new Server({
      'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
      'grpc.max_send_message_length': MAX_ANSWER_BYTES,
      'grpc.max_concurrent_streams': MAX_STREAMS,
    });
    for (const { typeName } of schema().services) addService(server, router, typeName);
    const names = [...schema().services.map(({ typeName }) => typeName), HEALTH, ...REFLECTION_SERVICES];
    server.addService(healthDefinition, healthService(backend, new Set(names)));
    const reflection = reflectionService(names);
    for (const service of REFLECTION_SERVICES) server.addService(reflectionDefinition(service), reflection);
    const actualPort = await bind(server, port, host);
    return new GrpcServer(host, actualPort, server);
  }

  /** Without a scheme, as gRPC clients want it. */
  get address(): string {
    return `${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`;
  }

  close(): Promise<void> {
    this.#server.forceShutdown();
    return Promise.resolve();
  }
}

function bind(server: Server, port: number, host: string): Promise<number> {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, actualPort) => {
      if (error === null) resolve(actualPort);
      else reject(cannotListen(error, port, host));
    });
  });
}

function addService(server: Server, router: Router, service: string): void {
  const methods = [...router.methods.values()].filter((method) => method.service === service);
  const definition = Object.fromEntries(methods.map(({ name }) => [name, rawMethod(service, name, RAW, RAW, { request: false, response: false })]));
  server.addService(definition, Object.fromEntries(methods.map((method) => [method.name, unary(router, method)])));
}

function unary(router: Router, method: Method) {
  return (call: ServerUnaryCall<Uint8Array, Uint8Array>, callback: sendUnaryData<Uint8Array>): void => {
    const [asked] = call.metadata.get(HEIGHT_HEADER);
    const run = async (): Promise<Answer> => router.call(method, call.request, readHeight(asked?.toString()));
    run().then(
      ({ value, height }) => {
        if (height !== undefined) {
          const metadata = new Metadata();
          metadata.set(HEIGHT_HEADER, height.toString());
          call.sendMetadata(metadata);
        }
        callback(null, value);
      },
      (error: unknown) => {
        const { code, message } = router.toStatus(error);
        callback({ code, details: message.replace(/^rpc error: code = \w+ desc = /, '') });
      },
    );
  };
}
