/** Whatever anybody sends, the gateway answers with a status of its own and reports no bug. */
import { create } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { schema } from '../../../src/gateway/descriptors.js';
import { jsonToMessage, messageBytes, setFromText } from '../../../src/gateway/json/read.js';
import { bytesToJson } from '../../../src/gateway/json/write.js';
import { Descriptors } from '../../../src/gateway/reflection.js';
import { StatusError } from '../../../src/gateway/status.js';
import { ServerReflectionRequest } from '../../../src/protocol/gen/grpc/reflection/v1/reflection.js';

const inputs = [...schema().methods.values()].map(({ input }) => input);
const desc = fc.constantFrom(...inputs);

/** Mostly names that mean something, with values that mostly do not. */
const name = fc.oneof(fc.constantFrom('pagination', 'pagination.key', 'pagination.limit', 'tx', 'tx_bytes', 'mode', 'address', 'height', 'body', 'messages', '@type', '__proto__', 'constructor', 'toString'), fc.string());
const value = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', maxDepth: 5 },
    fc.jsonValue(),
    fc.constantFrom<unknown>('AAAA', '1', '-1', '0.5', 'true', '2026-01-01T00:00:00Z', '3s', '/cosmos.bank.v1beta1.MsgSend', '/google.protobuf.Any', '/google.protobuf.Duration', 1e300, -0, null),
    fc.array(tie('json'), { maxLength: 3 }),
    fc.dictionary(name, tie('json'), { maxKeys: 4 }),
  ),
})).json;

function statusOrNothing(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    expect(error.httpStatus).toBe(400);
  }
}

describe('whatever is sent', () => {
  it('as a JSON body', () => {
    fc.assert(fc.property(desc, value, (type, json) => statusOrNothing(() => messageBytes(jsonToMessage(type, json)))), { numRuns: 3000 });
  });

  it('as parameters of a URL', () => {
    const texts = fc.array(fc.oneof(fc.string(), fc.constantFrom('1', 'true', 'AA==', 'BOND_STATUS_BONDED')), { minLength: 1, maxLength: 3 });
    const parameter = fc.tuple(fc.oneof(name, fc.constantFrom('pagination.key.x', 'tx.body.memo', 'tx.auth_info.fee.gas_limit', 'tx.body.messages', '..', '.')), texts);
    fc.assert(
      fc.property(desc, fc.array(parameter, { maxLength: 4 }), (type, parameters) =>
        statusOrNothing(() => {
          const message = reflect(type, create(type));
          for (const [key, values] of parameters) setFromText(message, key, values);
          messageBytes(message);
        }),
      ),
      { numRuns: 3000 },
    );
  });

  it('as bytes inside of an Any that is shown', () => {
    const types = [...schema().registry].flatMap((type) => (type.kind === 'message' ? [type.typeName] : []));
    const any = schema().message('google.protobuf.Any');
    fc.assert(
      fc.property(fc.oneof(fc.constantFrom(...types).map((type) => `/${type}`), fc.string()), fc.uint8Array({ maxLength: 40 }), (typeUrl, bytes) => {
        const json = bytesToJson(any, messageBytes(reflect(any, create(any, { typeUrl, value: bytes }))));
        expect(json).toHaveProperty('@type', typeUrl);
      }),
      { numRuns: 3000 },
    );
  });

  it('to reflection', () => {
    const descriptors = new Descriptors(['a.B']);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.string(), fc.integer(), (bytes, text, number) => {
        const requests: ServerReflectionRequest['messageRequest'][] = [
          { $case: 'fileByFilename', value: text },
          { $case: 'fileContainingSymbol', value: text },
          { $case: 'fileContainingExtension', value: { containingType: text, extensionNumber: number } },
          { $case: 'allExtensionNumbersOfType', value: text },
        ];
        try {
          requests.push(ServerReflectionRequest.decode(bytes).messageRequest);
        } catch {
          // No such message: gRPC refuses it before it gets here.
        }
        for (const messageRequest of requests) expect(descriptors.answer({ host: '', messageRequest }).$case).toBeTypeOf('string');
      }),
    );
  });
});
