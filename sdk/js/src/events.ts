/** The events that webhooks deliver. */

interface Event<Name extends string, Data> {
  event: Name
  /** When it happened. */
  timestamp: string
  data: Data
}

interface OfTicket {
  ticket_id: string
  ticket_number: string
  shop_id: string
}

export type TicketCreated = Event<'ticket.created', OfTicket & Record<string, unknown>>
export type TicketTransitioned = Event<'ticket.transitioned', OfTicket & { from_status: string; to_status: string }>
export type TicketUpdated = Event<'ticket.updated', OfTicket & Record<string, unknown>>

export type WebhookEvent = TicketCreated | TicketTransitioned | TicketUpdated
