const response = await fetch(
  "https://api.repairops.io/v1/tickets/TICKET_ID",
  {
    headers: {
      Authorization: "Bearer YOUR_API_KEY",
    },
  }
);
const ticket = await response.json();
console.log(ticket);
