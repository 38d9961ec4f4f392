/** Server reflection (v1 and v1alpha) over the descriptor set: files go out as they were compiled, with their options. */
import { type DescExtension, type DescFile, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { type ServerDuplexStream, status } from '@grpc/grpc-js';

import { ServerReflectionRequest, ServerReflectionResponse } from '../protocol/gen/grpc/reflection/v1/reflection.js';
import { schema } from './descriptors.js';
import { rawMethod } from './grpc-definition.js';

type Answer = NonNullable<ServerReflectionResponse['messageResponse']>;
type Stream = ServerDuplexStream<ServerReflectionRequest, ServerReflectionResponse>;

/** Both versions have the same messages; only their names differ. */
export const REFLECTION_SERVICES = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'] as const;

export const reflectionDefinition = (service: string) => ({
  ServerReflectionInfo: rawMethod(service, 'ServerReflectionInfo', ServerReflectionRequest, ServerReflectionResponse, { request: true, response: true }),
});

/** @param services that are listed, by name. */
export function reflectionService(services: readonly string[]): { ServerReflectionInfo: (stream: Stream) => void } {
  const descriptors = new Descriptors(services);
  return {
    ServerReflectionInfo: (stream) => {
      stream.on('data', (request: ServerReflectionRequest) => {
        stream.write({ validHost: request.host, originalRequest: request, messageResponse: descriptors.answer(request) });
      });
      stream.on('end', () => stream.end());
      stream.on('error', () => stream.destroy());
    },
  };
}

export class Descriptors {
  readonly #services: readonly string[];
  readonly #files: ReadonlyMap<string, DescFile>;
  readonly #symbols = new Map<string, DescFile>();
  readonly #extensions = new Map<string, Map<number, DescFile>>();

  constructor(services: readonly string[]) {
    this.#services = services;
    const { registry } = schema();
    this.#files = new Map([...registry.files].map((file) => [file.proto.name, file]));
    for (const type of registry) {
      this.#symbols.set(type.typeName, type.file);
      if (type.kind === 'service') for (const method of type.methods) this.#symbols.set(`${type.typeName}.${method.name}`, type.file);
      else if (type.kind === 'message') for (const { name } of type.fields) this.#symbols.set(`${type.typeName}.${name}`, type.file);
      else if (type.kind === 'extension') this.#addExtension(type);
    }
  }

  answer({ messageRequest }: ServerReflectionRequest): Answer {
    switch (messageRequest?.$case) {
      case 'fileByFilename':
        return fileAnswer(this.#files.get(messageRequest.value), messageRequest.value);
      case 'fileContainingSymbol':
        return fileAnswer(this.#symbols.get(messageRequest.value), messageRequest.value);
      case 'fileContainingExtension': {
        const { containingType, extensionNumber } = messageRequest.value;
        return fileAnswer(this.#extensions.get(containingType)?.get(extensionNumber), `${containingType} extension ${extensionNumber}`);
      }
      case 'allExtensionNumbersOfType': {
        const type = messageRequest.value;
        if (schema().registry.getMessage(type) === undefined) return notFound(type);
        const numbers = [...(this.#extensions.get(type)?.keys() ?? [])];
        return { $case: 'allExtensionNumbersResponse', value: { baseTypeName: type, extensionNumber: numbers } };
      }
      case 'listServices':
        return { $case: 'listServicesResponse', value: { service: this.#services.map((name) => ({ name })) } };
      case undefined:
        return { $case: 'errorResponse', value: { errorCode: status.INVALID_ARGUMENT, errorMessage: 'the request asks for nothing' } };
    }
  }

  #addExtension(extension: DescExtension): void {
    const numbers = this.#extensions.get(extension.extendee.typeName) ?? new Map<number, DescFile>();
    this.#extensions.set(extension.extendee.typeName, numbers.set(extension.number, extension.file));
  }
}

function fileAnswer(file: DescFile | undefined, asked: string): Answer {
  if (file === undefined) return notFound(asked);
  return { $case: 'fileDescriptorResponse', value: { fileDescriptorProto: [toBinary(FileDescriptorProtoSchema, file.proto)] } };
}

function notFound(asked: string): Answer {
  return { $case: 'errorResponse', value: { errorCode: status.NOT_FOUND, errorMessage: `not found: ${asked.slice(0, 200)}` } };
}
