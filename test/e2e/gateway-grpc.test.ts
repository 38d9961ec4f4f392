/** gRPC in front of a real node: a client of grpc-js, health, reflection in both versions, and grpcurl. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';

import { fromBinary, hasExtension } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, MethodOptionsSchema } from '@bufbuild/protobuf/wkt';
import { toBech32 } from '@cosmjs/encoding';
import { Client, Metadata, type MethodDefinition, type ServiceError, credentials, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { schema } from '../../src/gateway/descriptors.js';
import { RAW, rawMethod } from '../../src/gateway/grpc-definition.js';
import { QueryAccountRequest, QueryAccountResponse } from '../../src/protocol/gen/cosmos/auth/v1beta1/query.js';
import { QueryBalanceRequest, QueryBalanceResponse } from '../../src/protocol/gen/cosmos/bank/v1beta1/query.js';
import { GetNodeInfoRequest, GetNodeInfoResponse } from '../../src/protocol/gen/cosmos/base/tendermint/v1beta1/query.js';
import { HealthCheckRequest, HealthCheckResponse, HealthCheckResponse_ServingStatus as Serving } from '../../src/protocol/gen/grpc/health/v1/health.js';
import { ServerReflectionRequest, ServerReflectionResponse } from '../../src/protocol/gen/grpc/reflection/v1/reflection.js';
import { QueryGetRegistrationsRequest, QueryGetRegistrationsResponse } from '../../src/protocol/gen/remes/remes/v1/query.js';
import { Part } from '../../src/protocol/gen/remes/remes/v1/node.js';
import { BALANCE, CHAIN_ID } from './cosmjs-harness.js';
import { type Served, serve } from './gateway-harness.js';

const HEIGHT = 'x-cosmos-block-height';
const root = path.resolve(import.meta.dirname, '../..');
const stranger = toBech32('remes', new Uint8Array(20).fill(5));
const UNARY = { request: false, response: false };
const problems: unknown[] = [];
let served: Served;
let client: Client;

beforeAll(async () => {
  served = await serve(problems);
  client = new Client(served.grpc, credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await served.close();
  expect(problems).toEqual([]);
});

interface Outcome<R> {
  readonly response: R;
  readonly metadata: Metadata;
}

function ask<Q, R>({ path: name, requestSerialize, responseDeserialize }: MethodDefinition<Q, R>, request: Q, metadata = new Metadata()): Promise<Outcome<R>> {
  return new Promise((resolve, reject) => {
    let heard = new Metadata();
    const call = client.makeUnaryRequest(name, requestSerialize, responseDeserialize, request, metadata, (error, response) => {
      if (error !== null) reject(error);
      else if (response === undefined) reject(new Error('no answer'));
      else resolve({ response, metadata: heard });
    });
    call.on('metadata', (first) => (heard = first));
  });
}

const BALANCE_METHOD = rawMethod('cosmos.bank.v1beta1.Query', 'Balance', QueryBalanceRequest, QueryBalanceResponse, UNARY);

describe('queries over gRPC', () => {
  it('answer with the height of the state that they read', async () => {
    const { response, metadata } = await ask(BALANCE_METHOD, { address: served.account, denom: 'uremes' });
    expect(response.balance).toEqual({ denom: 'uremes', amount: BALANCE.toString() });
    expect(Number(metadata.get(HEIGHT)[0])).toBeGreaterThan(0);
    const { response: nodes } = await ask(
      rawMethod('remes.remes.v1.Query', 'GetRegistrations', QueryGetRegistrationsRequest, QueryGetRegistrationsResponse, UNARY),
      QueryGetRegistrationsRequest.fromPartial({ part: Part.MINER }),
    );
    expect(nodes.registrations.map(({ address }) => address)).toEqual([served.account]);
    const { response: info } = await ask(rawMethod('cosmos.base.tendermint.v1beta1.Service', 'GetNodeInfo', GetNodeInfoRequest, GetNodeInfoResponse, UNARY), {});
    expect(info.defaultNodeInfo?.network).toBe(CHAIN_ID);
  });

  const failure = async <Q, R>(method: MethodDefinition<Q, R>, request: Q, height?: string): Promise<[number, string]> => {
    const metadata = new Metadata();
    if (height !== undefined) metadata.set(HEIGHT, height);
    const error = await ask(method, request, metadata).then(
      () => undefined,
      (thrown: unknown) => thrown as ServiceError,
    );
    return [error?.code ?? status.OK, error?.details ?? ''];
  };

  it('fail with the status of the failure', async () => {
    const account = rawMethod('cosmos.auth.v1beta1.Query', 'Account', QueryAccountRequest, QueryAccountResponse, UNARY);
    const balance = BALANCE_METHOD;
    const raw = (service: string, name: string) => rawMethod(service, name, RAW, RAW, UNARY);
    expect(await failure(account, { address: stranger })).toEqual([status.NOT_FOUND, expect.stringContaining(stranger)]);
    expect(await failure(account, { address: 'test' })).toEqual([status.INVALID_ARGUMENT, expect.not.stringContaining('rpc error')]);
    expect(await failure(balance, { address: served.account, denom: 'uremes' }, 'x')).toEqual([status.INVALID_ARGUMENT, expect.stringContaining(HEIGHT)]);
    expect(await failure(raw('cosmos.none.v1.Query', 'Nothing'), new Uint8Array())).toEqual([status.UNIMPLEMENTED, expect.any(String)]);
    expect(await failure(raw('cosmos.bank.v1beta1.Msg', 'Send'), new Uint8Array())).toEqual([status.UNIMPLEMENTED, expect.any(String)]);
    expect(await failure(raw('cosmos.tx.v1beta1.Service', 'GetTx'), Uint8Array.of(255, 255))).toEqual([status.INVALID_ARGUMENT, expect.stringContaining('no such message')]);
    expect(await failure(raw('cosmos.tx.v1beta1.Service', 'GetTx'), new Uint8Array(1_100_000))).toEqual([status.RESOURCE_EXHAUSTED, expect.any(String)]);
  });
});

describe('health', () => {
  it('is that of the node, by the name of a service or as a whole', async () => {
    const check = rawMethod('grpc.health.v1.Health', 'Check', HealthCheckRequest, HealthCheckResponse, UNARY);
    for (const service of ['', 'cosmos.bank.v1beta1.Query']) expect((await ask(check, { service })).response.status).toBe(Serving.SERVING);
    await expect(ask(check, { service: 'no.such.Service' })).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  it('can be watched', async () => {
    const { path: name, requestSerialize, responseDeserialize } = rawMethod('grpc.health.v1.Health', 'Watch', HealthCheckRequest, HealthCheckResponse, { request: false, response: true });
    const watch = client.makeServerStreamRequest(name, requestSerialize, responseDeserialize, { service: '' });
    watch.on('error', () => undefined); // what cancelling ends with
    const first = await new Promise<HealthCheckResponse>((resolve) => watch.once('data', resolve));
    expect(first.status).toBe(Serving.SERVING);
    watch.cancel();
  });
});

describe.each(['v1', 'v1alpha'])('reflection %s', (version) => {
  async function reflect(requests: readonly ServerReflectionRequest['messageRequest'][]): Promise<ServerReflectionResponse[]> {
    const service = `grpc.reflection.${version}.ServerReflection`;
    const { path: name, requestSerialize, responseDeserialize } = rawMethod(service, 'ServerReflectionInfo', ServerReflectionRequest, ServerReflectionResponse, { request: true, response: true });
    const stream = client.makeBidiStreamRequest(name, requestSerialize, responseDeserialize);
    const answers: ServerReflectionResponse[] = [];
    for (const messageRequest of requests) stream.write({ host: 'h', messageRequest });
    stream.end();
    for await (const answer of stream) answers.push(answer as ServerReflectionResponse);
    return answers;
  }

  it('lists the services and hands out files by name, symbol and extension, with their options', async () => {
    const answers = await reflect([
      { $case: 'listServices', value: '' },
      { $case: 'fileContainingSymbol', value: 'cosmos.bank.v1beta1.Query' },
      { $case: 'fileContainingSymbol', value: 'cosmos.bank.v1beta1.Query.Balance' },
      { $case: 'fileByFilename', value: 'google/protobuf/any.proto' },
      { $case: 'fileContainingExtension', value: { containingType: 'google.protobuf.MethodOptions', extensionNumber: 72295728 } },
      { $case: 'allExtensionNumbersOfType', value: 'google.protobuf.MethodOptions' },
    ]);
    const files = answers.map(({ messageResponse }) => (messageResponse?.$case === 'fileDescriptorResponse' ? fromBinary(FileDescriptorProtoSchema, messageResponse.value.fileDescriptorProto[0]!) : undefined));
    expect(answers[0]).toMatchObject({ validHost: 'h', originalRequest: { host: 'h' } });
    const [listed] = answers.map(({ messageResponse }) => (messageResponse?.$case === 'listServicesResponse' ? messageResponse.value.service.map(({ name }) => name) : []));
    expect(listed).toEqual(expect.arrayContaining(['cosmos.bank.v1beta1.Query', 'remes.remes.v1.Query', 'cosmos.tx.v1beta1.Service', 'grpc.health.v1.Health', `grpc.reflection.${version}.ServerReflection`]));
    expect(files.slice(1, 5).map((file) => file?.name)).toEqual(['cosmos/bank/v1beta1/query.proto', 'cosmos/bank/v1beta1/query.proto', 'google/protobuf/any.proto', 'google/api/annotations.proto']);
    const options = files[1]!.service[0]!.method[0]!.options!;
    expect(options.$typeName).toBe(MethodOptionsSchema.typeName);
    expect(hasExtension(options, schema().registry.getExtension('google.api.http')!)).toBe(true);
    expect(answers[5]!.messageResponse).toEqual({ $case: 'allExtensionNumbersResponse', value: { baseTypeName: 'google.protobuf.MethodOptions', extensionNumber: expect.arrayContaining([72295728]) as number[] } });
  });

  it('says what it has not', async () => {
    const answers = await reflect([
      { $case: 'fileByFilename', value: 'no.proto' },
      { $case: 'fileContainingSymbol', value: 'no.Such' },
      { $case: 'fileContainingExtension', value: { containingType: 'no.Such', extensionNumber: 1 } },
      { $case: 'allExtensionNumbersOfType', value: 'no.Such' },
      undefined,
    ]);
    expect(answers.map(({ messageResponse }) => (messageResponse?.$case === 'errorResponse' ? messageResponse.value.errorCode : undefined))).toEqual([5, 5, 5, 5, 3]);
  });
});

/** grpcurl, built once by Go's own client; the reason where that cannot be. */
function grpcurl(): { readonly program: string } | { readonly reason: string } {
  const folder = path.join(root, 'build', 'tools');
  const program = path.join(folder, 'grpcurl');
  if (existsSync(program)) return { program };
  const go = ['go', '/usr/local/go/bin/go'].find((name) => spawnSync(name, ['version']).status === 0);
  if (go === undefined) return { reason: 'Go is not installed, and grpcurl is built with it' };
  mkdirSync(folder, { recursive: true });
  const built = spawnSync(go, ['install', 'github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3'], { env: { ...process.env, GOBIN: folder }, encoding: 'utf8' });
  return built.status === 0 ? { program } : { reason: `grpcurl cannot be built: ${built.stderr.trim().split('\n').at(-1) ?? ''}` };
}

describe('grpcurl, which knows the services by reflection alone', () => {
  it('lists, describes and asks them', { timeout: 400_000 }, async (test) => {
    const tool = grpcurl();
    if ('reason' in tool) {
      console.warn(`not run: ${tool.reason}`);
      test.skip(tool.reason);
      return;
    }
    const run = async (...args: string[]): Promise<string> => {
      const { execFile } = await import('node:child_process');
      return new Promise((resolve, reject) => {
        execFile(tool.program, ['-plaintext', ...args], { encoding: 'utf8' }, (error, stdout, stderr) => {
          if (error !== null && stdout === '') reject(new Error(stderr));
          else resolve(stdout);
        });
      });
    };
    const at = served.grpc;
    expect((await run(at, 'list')).split('\n')).toEqual(expect.arrayContaining(['cosmos.bank.v1beta1.Query', 'cosmos.staking.v1beta1.Query', 'cosmos.tx.v1beta1.Service', 'remes.remes.v1.Query']));
    expect(await run(at, 'describe', 'cosmos.bank.v1beta1.Query.Balance')).toContain('/cosmos/bank/v1beta1/balances/{address}/by_denom');
    const balance = JSON.parse(await run('-d', JSON.stringify({ address: served.account, denom: 'uremes' }), at, 'cosmos.bank.v1beta1.Query/Balance')) as unknown;
    expect(balance).toEqual({ balance: { denom: 'uremes', amount: BALANCE.toString() } });
    const account = JSON.parse(await run('-d', JSON.stringify({ address: served.account }), at, 'cosmos.auth.v1beta1.Query/Account')) as unknown;
    expect(account).toMatchObject({ account: { '@type': '/cosmos.auth.v1beta1.BaseAccount', address: served.account } });
    const info = JSON.parse(await run(at, 'cosmos.base.tendermint.v1beta1.Service/GetNodeInfo')) as unknown;
    expect(info).toMatchObject({ defaultNodeInfo: { network: CHAIN_ID } });
    expect(JSON.parse(await run(at, 'grpc.health.v1.Health/Check'))).toEqual({ status: 'SERVING' });
    await expect(run('-d', JSON.stringify({ address: stranger }), at, 'cosmos.auth.v1beta1.Query/Account')).rejects.toThrow('NotFound');
  });
});
