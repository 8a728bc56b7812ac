/** The client of the RepairOps REST API, and the verification of its webhooks. */

export { RepairOpsClient, type ClientOptions } from './client.js'
export * from './errors.js'
export { List, type Page, type Pagination } from './list.js'
export type { RateLimit } from './rate_limit.js'
export type { RequestOptions, VersionedWriteOptions, WriteOptions } from './transport.js'
export type * from './types.js'
export type * from './events.js'
export {
  signWebhook,
  verifyWebhook,
  WebhookVerificationError,
  type SignedHeaders,
  type VerifyOptions,
  type WebhookHeaders,
} from './webhook_signature.js'
