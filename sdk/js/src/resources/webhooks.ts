import type { List } from '../list.js'
import { type Api, path, Resource } from '../resource.js'
import type { RequestOptions, WriteOptions } from '../transport.js'
import type { Answer, Body, Query } from '../types.js'

/** Your endpoints that events are delivered to. The receiver uses `verifyWebhook`. */
export class Webhooks extends Resource {
  readonly deliveries: Deliveries

  constructor(api: Api) {
    super(api)
    this.deliveries = new Deliveries(api)
  }

  list(query: Query<'listWebhooks'> = {}, options?: RequestOptions): List<Answer<'listWebhooks'>> {
    return this.api.list('/webhooks', query, options)
  }

  async get(id: string, options?: RequestOptions): Promise<Answer<'getWebhook'>> {
    return this.api.get(path`/webhooks/${id}`, { options })
  }

  async create(webhook: Body<'createWebhook'>, options?: WriteOptions): Promise<Answer<'createWebhook'>> {
    return this.api.post('/webhooks', webhook, options)
  }

  async update(
    id: string,
    change: Body<'updateWebhook'>,
    options?: WriteOptions,
  ): Promise<Answer<'updateWebhook'>> {
    return this.api.patch(path`/webhooks/${id}`, change, options)
  }

  async delete(id: string, options?: WriteOptions): Promise<Answer<'deleteWebhook'>> {
    return this.api.delete(path`/webhooks/${id}`, options)
  }

  /** The secret for `verifyWebhook`. */
  async secret(id: string, options?: RequestOptions): Promise<Answer<'getWebhookSecret'>> {
    return this.api.get(path`/webhooks/${id}/secret`, { options })
  }

  /** A new secret; for a while deliveries are signed with the old one, too. */
  async rotateSecret(
    id: string,
    how?: Body<'rotateWebhookSecret'>,
    options?: WriteOptions,
  ): Promise<Answer<'rotateWebhookSecret'>> {
    return this.api.post(path`/webhooks/${id}/rotate-secret`, how ?? {}, options)
  }

  /** Sends a test event and returns the result. */
  async test(id: string, options?: WriteOptions): Promise<Answer<'testWebhook'>> {
    return this.api.post(path`/webhooks/${id}/test`, undefined, options)
  }

  /** Delivers all events since a time again. */
  async replay(id: string, what: Body<'replayWebhook'>, options?: WriteOptions): Promise<Answer<'replayWebhook'>> {
    return this.api.post(path`/webhooks/${id}/replay`, what, options)
  }
}

/** Deliveries to an endpoint, and their responses. */
export class Deliveries extends Resource {
  list(
    webhookId: string,
    query: Query<'listWebhookDeliveries'> = {},
    options?: RequestOptions,
  ): List<Answer<'listWebhookDeliveries'>> {
    return this.api.list(path`/webhooks/${webhookId}/deliveries`, query, options)
  }

  /** With every attempt. */
  async get(webhookId: string, id: string, options?: RequestOptions): Promise<Answer<'getWebhookDelivery'>> {
    return this.api.get(path`/webhooks/${webhookId}/deliveries/${id}`, { options })
  }

  async replay(webhookId: string, id: string, options?: WriteOptions): Promise<Answer<'replayWebhookDelivery'>> {
    return this.api.post(path`/webhooks/${webhookId}/deliveries/${id}/replay`, undefined, options)
  }
}
