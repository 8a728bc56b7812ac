import type { List } from '../list.js'
import { type Api, path, Resource } from '../resource.js'
import type { RequestOptions, VersionedWriteOptions, WriteOptions } from '../transport.js'
import type { Answer, Body, DryRun, Query } from '../types.js'

/** Repairs, from intake to pickup. */
export class Tickets extends Resource {
  readonly payments: Payments
  readonly feedback: Feedback

  constructor(api: Api) {
    super(api)
    this.payments = new Payments(api)
    this.feedback = new Feedback(api)
  }

  list(query: Query<'listTickets'> = {}, options?: RequestOptions): List<Answer<'listTickets'>> {
    return this.api.list('/tickets', query, options)
  }

  /** A ticket with all that belongs to it. */
  async get(id: string, options?: RequestOptions): Promise<Answer<'getTicket'>> {
    return this.api.get(path`/tickets/${id}`, { options })
  }

  /** All entries of the timeline, oldest first; a ticket itself shows its statuses and the latest 200 of the others. */
  timeline(
    id: string,
    query: Query<'listTicketTimeline'> = {},
    options?: RequestOptions,
  ): List<Answer<'listTicketTimeline'>> {
    return this.api.list(path`/tickets/${id}/timeline`, query, options)
  }

  /** Which statuses may come next, and why the others may not. */
  async transitions(id: string, options?: RequestOptions): Promise<Answer<'listTicketTransitions'>> {
    return this.api.get(path`/tickets/${id}/transitions`, { options })
  }

  async create(ticket: Body<'createTicket'>, options?: WriteOptions): Promise<Answer<'createTicket'>> {
    return this.api.post('/tickets', ticket, options)
  }

  /** Fields, parts and the status, all or nothing. */
  async update(
    id: string,
    change: Body<'updateTicket'>,
    options?: VersionedWriteOptions,
  ): Promise<Answer<'updateTicket'>> {
    return this.api.patch(path`/tickets/${id}`, change, options)
  }

  /** What `create` would come to now; nothing is written. */
  async dryRunCreate(ticket: Body<'createTicket'>, options?: RequestOptions): Promise<DryRun> {
    return this.api.post('/tickets?dry_run=true', ticket, options)
  }

  /** What `update` would come to now; nothing is written. */
  async dryRunUpdate(id: string, change: Body<'updateTicket'>, options?: VersionedWriteOptions): Promise<DryRun> {
    return this.api.patch(path`/tickets/${id}?dry_run=true`, change, options)
  }

  /** What `transition` would come to now; nothing is written. */
  async dryRunTransition(
    id: string,
    to: Body<'transitionTicket'>,
    options?: VersionedWriteOptions,
  ): Promise<DryRun> {
    return this.api.post(path`/tickets/${id}/transition?dry_run=true`, to, options)
  }

  /** Moves a ticket to another status; plugins of the shop may reject it. */
  async transition(
    id: string,
    to: Body<'transitionTicket'>,
    options?: VersionedWriteOptions,
  ): Promise<Answer<'transitionTicket'>> {
    return this.api.post(path`/tickets/${id}/transition`, to, options)
  }
}

/** Payments and refunds of a ticket. */
export class Payments extends Resource {
  list(
    ticketId: string,
    query: Query<'listPayments'> = {},
    options?: RequestOptions,
  ): List<Answer<'listPayments'>> {
    return this.api.list(path`/tickets/${ticketId}/payments`, query, options)
  }

  async get(ticketId: string, id: string, options?: RequestOptions): Promise<Answer<'getPayment'>> {
    return this.api.get(path`/tickets/${ticketId}/payments/${id}`, { options })
  }

  async create(
    ticketId: string,
    payment: Body<'createPayment'>,
    options?: WriteOptions,
  ): Promise<Answer<'createPayment'>> {
    return this.api.post(path`/tickets/${ticketId}/payments`, payment, options)
  }
}

/** The customer's feedback on a repair. */
export class Feedback extends Resource {
  async get(ticketId: string, options?: RequestOptions): Promise<Answer<'getFeedback'>> {
    return this.api.get(path`/tickets/${ticketId}/feedback`, { options })
  }

  async create(
    ticketId: string,
    feedback: Body<'createFeedback'>,
    options?: WriteOptions,
  ): Promise<Answer<'createFeedback'>> {
    return this.api.post(path`/tickets/${ticketId}/feedback`, feedback, options)
  }
}
