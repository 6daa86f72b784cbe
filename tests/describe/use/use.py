# The types of services/features under mypy --strict. What is marked must not pass; an ignore without need is an error, too.
from chat import ChatContent, ChatInput, ChatMessage, ChatRole, Json

role: ChatRole = "mod"
wrong: ChatRole = "admin"  # type: ignore[assignment]


def read(message: ChatMessage) -> Json:
    if message["messageType"] == "bid":
        return message["content"]["count"]
    return message["seq"]


bid: ChatInput = {
    "text": {"body": "hi"},
    "image": {"mediaUrl": "u"},
    "bid": {"amount": 1, "currency": "EUR", "lines": [{"sku": "a"}]},
    "free": {},
    "class": {"default": "x"},
}
bid["bid"]["currency"] = "GBP"  # type: ignore[typeddict-item]
bid["bid"]["curency"] = "EUR"  # type: ignore[typeddict-item]


def count(content: ChatContent) -> int:
    return content["bid"]["count"]
