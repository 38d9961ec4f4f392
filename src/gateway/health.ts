/** grpc.health.v1.Health: whether the node behind the gateway answers. */
import { type ServerUnaryCall, type ServerWritableStream, type UntypedServiceImplementation, type sendUnaryData, status } from '@grpc/grpc-js';
import { z } from 'zod';

import { HealthCheckRequest, HealthCheckResponse, HealthCheckResponse_ServingStatus as Serving } from '../protocol/gen/grpc/health/v1/health.js';
import type { Backend } from './backend.js';
import { rawMethod } from './grpc-definition.js';

const SERVICE = 'grpc.health.v1.Health';
const WATCH_MS = 5_000;

export const healthDefinition = {
  Check: rawMethod(SERVICE, 'Check', HealthCheckRequest, HealthCheckResponse, { request: false, response: false }),
  Watch: rawMethod(SERVICE, 'Watch', HealthCheckRequest, HealthCheckResponse, { request: false, response: true }),
};

/** @param services that are served, by name. */
export function healthService(backend: Backend, services: ReadonlySet<string>): UntypedServiceImplementation {
  const check = async (): Promise<Serving> => {
    try {
      await backend.request('health', {}, z.unknown());
      return Serving.SERVING;
    } catch {
      return Serving.NOT_SERVING;
    }
  };
  const isKnown = (service: string): boolean => service === '' || services.has(service);
  return {
    Check: (call: ServerUnaryCall<HealthCheckRequest, HealthCheckResponse>, callback: sendUnaryData<HealthCheckResponse>) => {
      if (!isKnown(call.request.service)) {
        callback({ code: status.NOT_FOUND, details: `unknown service ${JSON.stringify(call.request.service.slice(0, 120))}` });
        return;
      }
      void check().then((serving) => callback(null, { status: serving }));
    },
    Watch: (call: ServerWritableStream<HealthCheckRequest, HealthCheckResponse>) => {
      let last: Serving | undefined;
      const tell = (serving: Serving): void => {
        if (serving !== last) call.write({ status: serving });
        last = serving;
      };
      if (!isKnown(call.request.service)) {
        tell(Serving.SERVICE_UNKNOWN);
        return;
      }
      void check().then(tell);
      const timer = setInterval(() => void check().then(tell), WATCH_MS);
      call.on('cancelled', () => {
        clearInterval(timer);
        call.end();
      });
      call.on('close', () => clearInterval(timer));
    },
  };
}
