/** Method definitions of gRPC, without generated service classes. */
import type { MethodDefinition } from '@grpc/grpc-js';

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(input: Uint8Array): T;
}

/** The bytes themselves, for methods whose messages the router reads. */
export const RAW: Codec<Uint8Array> = { encode: (bytes) => ({ finish: () => bytes }), decode: (bytes) => bytes };

export function rawMethod<Q, R>(
  service: string,
  name: string,
  request: Codec<Q>,
  response: Codec<R>,
  streams: { readonly request: boolean; readonly response: boolean },
): MethodDefinition<Q, R> {
  const write = <T>(codec: Codec<T>) => (message: T): Buffer => {
    const bytes = codec.encode(message).finish();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
  return {
    path: `/${service}/${name}`,
    requestStream: streams.request,
    responseStream: streams.response,
    requestSerialize: write(request),
    requestDeserialize: (bytes) => request.decode(bytes),
    responseSerialize: write(response),
    responseDeserialize: (bytes) => response.decode(bytes),
  };
}
