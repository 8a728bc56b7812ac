/** Compiled, never run: what the types promise, and what they must refuse. */

import { type Page, RepairOpsClient, type Ticket, type TicketSummary, verifyWebhook } from '../src/index.js'

declare const environment: Record<string, string | undefined>

export async function promises(): Promise<void> {
  const client = new RepairOpsClient({ apiKey: environment['REPAIROPS_API_KEY'] })

  const page: Page<TicketSummary> = await client.tickets.list({ status: 'IN_REPAIR', limit: 25 })
  const total: number = page.pagination.total
  for await (const ticket of client.tickets.list()) {
    const technician: string | null = ticket.assigned_to_name
    void [ticket.number.length, technician]
  }
  for await (const { data } of client.customers.list().pages()) void data.map((customer) => customer.email?.length)

  const ticket: Ticket = await client.tickets.get('one')
  void [total, ticket.parts.map((part) => part.unit_cost.toFixed(2)), ticket.customer.name.length]

  await client.keys.rotate('one', { overlap_hours: 48 })
  await client.keys.rotate('one', {})

  // @ts-expect-error: a list takes only the parameters that there are
  void client.tickets.list({ colour: 'red' })
  // @ts-expect-error: a ticket needs a shop, a customer, a device and an issue
  void client.tickets.create({ shop_id: 'one' })
  // @ts-expect-error: an answer has only the fields that there are
  void ticket.colour
  // @ts-expect-error: a new ticket has no version to match
  void client.shops.create({ name: 'Main Street' }, { ifMatch: 7 })
  // @ts-expect-error: an id is a text
  void client.tickets.get(7)

  const event = await verifyWebhook('', {}, 'whsec_')
  if (event.event === 'ticket.transitioned') void event.data.to_status.length
  if (event.event === 'customer.created') void event.data.customer_id.length
  // @ts-expect-error: another event's data
  if (event.event === 'ticket.transitioned') void event.data.customer_id
  // @ts-expect-error: there is no such event
  if (event.event === 'ticket.eaten') return
}
