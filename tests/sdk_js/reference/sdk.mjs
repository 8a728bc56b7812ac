import { RepairOpsClient } from '@repairops/sdk'

const client = new RepairOpsClient({
  apiKey: process.env.REPAIROPS_API_KEY
})

// List tickets
const tickets = await client.tickets.list({
  shop_id: 'shop-uuid',
  status: 'IN_REPAIR'
})

// Get ticket details
const ticket = await client.tickets.get('ticket-uuid')

// Create ticket
const newTicket = await client.tickets.create({
  shop_id: 'shop-uuid',
  customer: {
    name: 'Jane Doe',
    email: 'jane@example.com'
  },
  device_identifier: 'iPhone 14',
  issue_description: 'Cracked screen'
})

// Transition status
await client.tickets.transition('ticket-uuid', {
  new_status: 'IN_REPAIR'
})
