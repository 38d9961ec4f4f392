/** Failures as gRPC numbers them, and what REST makes of the numbers. */
import { status as grpcStatus } from '@grpc/grpc-js';

/** As the SDK's gateway answers them. */
const HTTP_STATUS = {
  UNKNOWN: 500,
  INVALID_ARGUMENT: 400,
  NOT_FOUND: 404,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  UNAUTHENTICATED: 401,
} as const;

export type StatusName = keyof typeof HTTP_STATUS;

/** An answer that is a failure; its message is shown to the client as it is. */
export class StatusError extends Error {
  readonly status: StatusName;

  constructor(status: StatusName, message: string) {
    super(message);
    this.name = 'StatusError';
    this.status = status;
  }

  get code(): grpcStatus {
    return grpcStatus[this.status];
  }

  get httpStatus(): number {
    return HTTP_STATUS[this.status];
  }
}

export function invalidArgument(message: string): StatusError {
  return new StatusError('INVALID_ARGUMENT', message);
}

/** For routes and methods that are known, or not even that, and have no answer here. */
export function notImplemented(): StatusError {
  return new StatusError('UNIMPLEMENTED', 'Not Implemented');
}
