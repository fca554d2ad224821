"""The admins' side of the chat."""

from handlers.admin import (
    admins,
    banning,
    editing,
    exporting,
    importing,
    menu,
    orders,
    products,
    review,
    sales,
    stock,
)
from handlers.routes import Routes

routes = Routes()
routes.include(
    menu.routes,
    products.routes,
    editing.routes,
    stock.routes,
    importing.routes,
    sales.routes,
    orders.routes,
    review.routes,
    exporting.routes,
    admins.routes,
    banning.routes,
)
