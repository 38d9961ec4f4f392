export { type Backend, type Query, type QueryAnswer, rpcBackend } from './backend.js';
export { Gateway, type GatewayOptions } from './gateway.js';
