/** The events that webhooks deliver, from the API's OpenAPI document. */

import type { webhooks } from './schema.js'

type Payload<Name extends keyof webhooks> = webhooks[Name] extends {
  post: { requestBody?: { content: { 'application/json': infer Content } } }
}
  ? Content
  : never

/** Each event by its name: `WebhookEvents['ticket.transitioned']`. */
export type WebhookEvents = { [Name in keyof webhooks]: Payload<Name> }

/** Any of them; `event` says which. */
export type WebhookEvent = WebhookEvents[keyof webhooks]
