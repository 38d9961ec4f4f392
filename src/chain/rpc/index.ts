export { type RpcOptions, RpcServer } from './server.js';
