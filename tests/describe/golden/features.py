"""Types of the service features, made by hubctl types. Changes are lost."""

from typing import Literal, Never, NotRequired, TypedDict, Union

Json = Union[None, bool, int, float, str, list["Json"], dict[str, "Json"]]

ErrorCode = Literal["auth_required", "invalid_token", "token_expired", "bad_request", "unknown_event", "room_not_found", "room_not_eligible", "role_required", "check_failed", "not_authorized", "blocked", "room_full", "too_many_rooms", "not_in_room", "cannot_read", "cannot_send", "silenced", "type_not_allowed", "unknown_type", "invalid_content", "too_large", "rate_limited", "too_many", "version_conflict", "request_timeout", "client_disconnected", "unknown_command", "client_not_found", "client_failed", "client_conflict", "feature_disabled", "not_found", "not_allowed", "rejected", "handler_failed", "script_timeout", "store_unavailable", "overloaded", "shutting_down", "internal", "node_not_found"]

FailureError = TypedDict("FailureError", {
    "code": ErrorCode,
    "message": str,
    "retryAfterMs": NotRequired[int],
    "outcome": NotRequired[Literal["unknown"]],
    "data": NotRequired[Json],
})
Failure = TypedDict("Failure", {
    "ok": Literal[False],
    "error": FailureError,
})

ChatRole = Literal["mod", "member"]

ChatContentText = TypedDict("ChatContentText", {
    "body": str,
})
ChatContentImage = TypedDict("ChatContentImage", {
    "mediaUrl": str,
    "thumbnail": NotRequired[str],
    "caption": NotRequired[str],
    "width": NotRequired[int],
    "height": NotRequired[int],
})
ChatContentBidLines = TypedDict("ChatContentBidLines", {
    "sku": str,
})
ChatContentBid = TypedDict("ChatContentBid", {
    "amount": float,
    "currency": Literal["EUR", "USD"],
    "note": NotRequired[str],
    "count": int,
    "at": NotRequired[str],
    "ref": NotRequired[str],
    "extra": NotRequired[Json],
    "final": NotRequired[bool],
    "lines": NotRequired[list[ChatContentBidLines]],
})
ChatContentFree = dict[str, Json]
ChatContentClass = TypedDict("ChatContentClass", {
    "default": NotRequired[str],
    "delete": NotRequired[int],
})
ChatContent = TypedDict("ChatContent", {
    "text": ChatContentText,
    "image": ChatContentImage,
    "bid": ChatContentBid,
    "free": ChatContentFree,
    "class": ChatContentClass,
})

ChatInputText = TypedDict("ChatInputText", {
    "body": str,
})
ChatInputImage = TypedDict("ChatInputImage", {
    "mediaUrl": str,
    "thumbnail": NotRequired[str],
    "caption": NotRequired[str],
    "width": NotRequired[int],
    "height": NotRequired[int],
})
ChatInputBidLines = TypedDict("ChatInputBidLines", {
    "sku": str,
})
ChatInputBid = TypedDict("ChatInputBid", {
    "amount": float,
    "currency": Literal["EUR", "USD"],
    "note": NotRequired[str],
    "count": NotRequired[int],
    "at": NotRequired[str],
    "ref": NotRequired[str],
    "extra": NotRequired[Json],
    "final": NotRequired[bool],
    "lines": NotRequired[list[ChatInputBidLines]],
})
ChatInputFree = dict[str, Json]
ChatInputClass = TypedDict("ChatInputClass", {
    "default": NotRequired[str],
    "delete": NotRequired[int],
})
ChatInput = TypedDict("ChatInput", {
    "text": ChatInputText,
    "image": ChatInputImage,
    "bid": ChatInputBid,
    "free": ChatInputFree,
    "class": ChatInputClass,
})

ChatReaction = TypedDict("ChatReaction", {
    "emoji": str,
    "userId": str,
    "timestamp": str,
})

ChatCommonReplyTo = TypedDict("ChatCommonReplyTo", {
    "id": str,
    "preview": Json,
})
ChatCommon = TypedDict("ChatCommon", {
    "id": str,
    "roomId": str,
    "senderId": Union[str, None],
    "senderName": NotRequired[Union[str, None]],
    "senderAvatar": NotRequired[Union[str, None]],
    "timestamp": str,
    "status": Literal["approved", "pending", "rejected"],
    "seq": Union[int, None],
    "changeSeq": Union[int, None],
    "replyTo": NotRequired[ChatCommonReplyTo],
    "reaction": NotRequired[list[ChatReaction]],
    "clientMessageId": NotRequired[str],
    "editedAt": NotRequired[str],
    "provisional": NotRequired[Literal[True]],
})

class ChatMessage1(ChatCommon):
    messageType: Literal["text"]
    content: ChatContentText
class ChatMessage2(ChatCommon):
    messageType: Literal["image"]
    content: ChatContentImage
class ChatMessage3(ChatCommon):
    messageType: Literal["bid"]
    content: ChatContentBid
class ChatMessage4(ChatCommon):
    messageType: Literal["free"]
    content: ChatContentFree
class ChatMessage5(ChatCommon):
    messageType: Literal["class"]
    content: ChatContentClass
ChatMessage = Union[ChatMessage1, ChatMessage2, ChatMessage3, ChatMessage4, ChatMessage5]

ChatCommandsRollDicePayload = TypedDict("ChatCommandsRollDicePayload", {
    "sides": int,
})
ChatCommandsRollDiceResult = TypedDict("ChatCommandsRollDiceResult", {
    "value": int,
})
ChatCommandsRollDice = TypedDict("ChatCommandsRollDice", {
    "payload": ChatCommandsRollDicePayload,
    "result": ChatCommandsRollDiceResult,
})
ChatCommandsAnything = TypedDict("ChatCommandsAnything", {
    "payload": Json,
    "result": Json,
})
ChatCommandsTell = TypedDict("ChatCommandsTell", {
    "payload": Json,
    "result": Json,
})
ChatCommands = TypedDict("ChatCommands", {
    "rollDice": ChatCommandsRollDice,
    "anything": ChatCommandsAnything,
    "tell": ChatCommandsTell,
})

ChatChannelsScoreGameData = TypedDict("ChatChannelsScoreGameData", {
    "home": int,
})
ChatChannelsScoreGame = TypedDict("ChatChannelsScoreGame", {
    "data": ChatChannelsScoreGameData,
})
ChatChannelsNews = TypedDict("ChatChannelsNews", {
    "data": Json,
})
ChatChannels = TypedDict("ChatChannels", {
    "score:{game}": ChatChannelsScoreGame,
    "news": ChatChannelsNews,
})

ChatRecordsCartUserIdValue = TypedDict("ChatRecordsCartUserIdValue", {
    "items": list[str],
})
ChatRecordsCartUserId = TypedDict("ChatRecordsCartUserId", {
    "value": ChatRecordsCartUserIdValue,
})
ChatRecordsRowIdValue = TypedDict("ChatRecordsRowIdValue", {
    "id": str,
    "title": str,
    "note": NotRequired[Union[str, None]],
    "count": NotRequired[Union[int, None]],
})
ChatRecordsRowId = TypedDict("ChatRecordsRowId", {
    "value": ChatRecordsRowIdValue,
})
ChatRecords = TypedDict("ChatRecords", {
    "cart:{userId}": ChatRecordsCartUserId,
    "row:{id}": ChatRecordsRowId,
})

ChatPermissions = TypedDict("ChatPermissions", {
    "canRead": bool,
    "canSend": bool,
    "moderated": bool,
    "canModerate": bool,
    "canDeleteAny": bool,
    "canManageRoom": bool,
    "allowedMessageTypes": list[Literal["text", "image", "bid", "free", "class"]],
})

ChatMemberState = TypedDict("ChatMemberState", {
    "mood": NotRequired[str],
})
ChatMember = TypedDict("ChatMember", {
    "userId": str,
    "id": str,
    "name": Union[str, None],
    "avatar": Union[str, None],
    "hubRole": Union[ChatRole, Literal["system"], None],
    "presence": Literal["online", "away"],
    "connections": int,
    "typing": bool,
    "recording": bool,
    "state": NotRequired[ChatMemberState],
    "lastReadTimestamp": NotRequired[str],
    "lastReadSeq": NotRequired[int],
})

ChatJoined = TypedDict("ChatJoined", {
    "roomId": str,
    "hubRole": Union[ChatRole, Literal["system"], None],
    "permissions": ChatPermissions,
    "silenced": bool,
    "seq": int,
    "epoch": str,
    "memberCount": int,
    "recovered": Union[bool, None],
    "members": NotRequired[list[ChatMember]],
})

ChatUser = TypedDict("ChatUser", {
    "id": str,
    "name": Union[str, None],
})

ChatChannelMessage = TypedDict("ChatChannelMessage", {
    "offset": Union[int, None],
    "at": str,
    "data": Json,
    "publisher": NotRequired[ChatUser],
})

ChatInboxRoom = TypedDict("ChatInboxRoom", {
    "roomId": str,
    "room": dict[str, Json],
    "hubRole": Union[ChatRole, Literal["system"], None],
    "lastMessage": Union[ChatMessage, None],
    "unread": int,
    "seq": int,
    "lastReadSeq": int,
})

ChatHistoryChanges1 = TypedDict("ChatHistoryChanges1", {
    "messageId": str,
    "seq": int,
    "message": ChatMessage,
})
ChatHistoryChanges2 = TypedDict("ChatHistoryChanges2", {
    "messageId": str,
    "seq": int,
    "deleted": Literal[True],
})
ChatHistory = TypedDict("ChatHistory", {
    "roomId": str,
    "messages": list[ChatMessage],
    "changes": NotRequired[list[Union[ChatHistoryChanges1, ChatHistoryChanges2]]],
    "hasMore": bool,
    "recovered": Union[bool, None],
})

ChatSender = TypedDict("ChatSender", {
    "id": str,
    "name": Union[str, None],
    "avatar": Union[str, None],
})

ChatClientToServerHubJoinPayload = TypedDict("ChatClientToServerHubJoinPayload", {
    "roomId": str,
    "since": NotRequired[int],
    "epoch": NotRequired[str],
    "historyLimit": NotRequired[int],
    "members": NotRequired[bool],
})
ChatClientToServerHubJoin = TypedDict("ChatClientToServerHubJoin", {
    "payload": ChatClientToServerHubJoinPayload,
    "answer": ChatJoined,
})
ChatClientToServerHubLeavePayload = TypedDict("ChatClientToServerHubLeavePayload", {
    "roomId": str,
})
ChatClientToServerHubLeaveAnswer = TypedDict("ChatClientToServerHubLeaveAnswer", {
})
ChatClientToServerHubLeave = TypedDict("ChatClientToServerHubLeave", {
    "payload": ChatClientToServerHubLeavePayload,
    "answer": ChatClientToServerHubLeaveAnswer,
})
ChatClientToServerHubMembersPayload = TypedDict("ChatClientToServerHubMembersPayload", {
    "roomId": str,
})
ChatClientToServerHubMembersAnswer = TypedDict("ChatClientToServerHubMembersAnswer", {
    "members": list[ChatMember],
})
ChatClientToServerHubMembers = TypedDict("ChatClientToServerHubMembers", {
    "payload": ChatClientToServerHubMembersPayload,
    "answer": ChatClientToServerHubMembersAnswer,
})
ChatClientToServerHubSendPayload1ReplyTo = TypedDict("ChatClientToServerHubSendPayload1ReplyTo", {
    "id": str,
})
ChatClientToServerHubSendPayload1 = TypedDict("ChatClientToServerHubSendPayload1", {
    "roomId": str,
    "replyTo": NotRequired[ChatClientToServerHubSendPayload1ReplyTo],
    "clientMessageId": NotRequired[str],
    "messageType": Literal["text"],
    "content": ChatInputText,
})
ChatClientToServerHubSendPayload2ReplyTo = TypedDict("ChatClientToServerHubSendPayload2ReplyTo", {
    "id": str,
})
ChatClientToServerHubSendPayload2 = TypedDict("ChatClientToServerHubSendPayload2", {
    "roomId": str,
    "replyTo": NotRequired[ChatClientToServerHubSendPayload2ReplyTo],
    "clientMessageId": NotRequired[str],
    "messageType": Literal["image"],
    "content": ChatInputImage,
})
ChatClientToServerHubSendPayload3ReplyTo = TypedDict("ChatClientToServerHubSendPayload3ReplyTo", {
    "id": str,
})
ChatClientToServerHubSendPayload3 = TypedDict("ChatClientToServerHubSendPayload3", {
    "roomId": str,
    "replyTo": NotRequired[ChatClientToServerHubSendPayload3ReplyTo],
    "clientMessageId": NotRequired[str],
    "messageType": Literal["bid"],
    "content": ChatInputBid,
})
ChatClientToServerHubSendPayload4ReplyTo = TypedDict("ChatClientToServerHubSendPayload4ReplyTo", {
    "id": str,
})
ChatClientToServerHubSendPayload4 = TypedDict("ChatClientToServerHubSendPayload4", {
    "roomId": str,
    "replyTo": NotRequired[ChatClientToServerHubSendPayload4ReplyTo],
    "clientMessageId": NotRequired[str],
    "messageType": Literal["free"],
    "content": ChatInputFree,
})
ChatClientToServerHubSendPayload5ReplyTo = TypedDict("ChatClientToServerHubSendPayload5ReplyTo", {
    "id": str,
})
ChatClientToServerHubSendPayload5 = TypedDict("ChatClientToServerHubSendPayload5", {
    "roomId": str,
    "replyTo": NotRequired[ChatClientToServerHubSendPayload5ReplyTo],
    "clientMessageId": NotRequired[str],
    "messageType": Literal["class"],
    "content": ChatInputClass,
})
ChatClientToServerHubSendAnswer = TypedDict("ChatClientToServerHubSendAnswer", {
    "message": ChatMessage,
})
ChatClientToServerHubSend = TypedDict("ChatClientToServerHubSend", {
    "payload": Union[ChatClientToServerHubSendPayload1, ChatClientToServerHubSendPayload2, ChatClientToServerHubSendPayload3, ChatClientToServerHubSendPayload4, ChatClientToServerHubSendPayload5],
    "answer": ChatClientToServerHubSendAnswer,
})
ChatClientToServerHubEditPayload = TypedDict("ChatClientToServerHubEditPayload", {
    "roomId": str,
    "messageId": str,
    "content": Union[ChatInputText, ChatInputImage, ChatInputBid, ChatInputFree, ChatInputClass],
})
ChatClientToServerHubEditAnswer = TypedDict("ChatClientToServerHubEditAnswer", {
    "message": ChatMessage,
})
ChatClientToServerHubEdit = TypedDict("ChatClientToServerHubEdit", {
    "payload": ChatClientToServerHubEditPayload,
    "answer": ChatClientToServerHubEditAnswer,
})
ChatClientToServerHubDeletePayload = TypedDict("ChatClientToServerHubDeletePayload", {
    "roomId": str,
    "messageId": str,
})
ChatClientToServerHubDeleteAnswer = TypedDict("ChatClientToServerHubDeleteAnswer", {
})
ChatClientToServerHubDelete = TypedDict("ChatClientToServerHubDelete", {
    "payload": ChatClientToServerHubDeletePayload,
    "answer": ChatClientToServerHubDeleteAnswer,
})
ChatClientToServerHubReactPayload = TypedDict("ChatClientToServerHubReactPayload", {
    "roomId": str,
    "messageId": str,
    "emoji": str,
    "remove": NotRequired[bool],
})
ChatClientToServerHubReactAnswer = TypedDict("ChatClientToServerHubReactAnswer", {
    "reaction": list[ChatReaction],
})
ChatClientToServerHubReact = TypedDict("ChatClientToServerHubReact", {
    "payload": ChatClientToServerHubReactPayload,
    "answer": ChatClientToServerHubReactAnswer,
})
ChatClientToServerHubHistoryPayload = TypedDict("ChatClientToServerHubHistoryPayload", {
    "roomId": str,
    "before": NotRequired[int],
    "after": NotRequired[int],
    "messageType": NotRequired[str],
    "senderId": NotRequired[str],
    "include": NotRequired[Literal["events"]],
    "limit": NotRequired[int],
})
ChatClientToServerHubHistoryAnswer = TypedDict("ChatClientToServerHubHistoryAnswer", {
    "messages": list[ChatMessage],
    "hasMore": bool,
    "events": NotRequired[list[dict[str, Json]]],
    "totalRowCount": NotRequired[int],
})
ChatClientToServerHubHistory = TypedDict("ChatClientToServerHubHistory", {
    "payload": ChatClientToServerHubHistoryPayload,
    "answer": ChatClientToServerHubHistoryAnswer,
})
ChatClientToServerHubPendingPayload = TypedDict("ChatClientToServerHubPendingPayload", {
    "roomId": str,
    "afterId": NotRequired[str],
    "limit": NotRequired[int],
})
ChatClientToServerHubPendingAnswer = TypedDict("ChatClientToServerHubPendingAnswer", {
    "messages": list[ChatMessage],
    "hasMore": bool,
})
ChatClientToServerHubPending = TypedDict("ChatClientToServerHubPending", {
    "payload": ChatClientToServerHubPendingPayload,
    "answer": ChatClientToServerHubPendingAnswer,
})
ChatClientToServerHubApprovePayload = TypedDict("ChatClientToServerHubApprovePayload", {
    "roomId": str,
    "messageId": str,
    "reason": NotRequired[str],
})
ChatClientToServerHubApproveAnswer = TypedDict("ChatClientToServerHubApproveAnswer", {
    "message": ChatMessage,
})
ChatClientToServerHubApprove = TypedDict("ChatClientToServerHubApprove", {
    "payload": ChatClientToServerHubApprovePayload,
    "answer": ChatClientToServerHubApproveAnswer,
})
ChatClientToServerHubRejectPayload = TypedDict("ChatClientToServerHubRejectPayload", {
    "roomId": str,
    "messageId": str,
    "reason": NotRequired[str],
})
ChatClientToServerHubRejectAnswer = TypedDict("ChatClientToServerHubRejectAnswer", {
    "message": ChatMessage,
})
ChatClientToServerHubReject = TypedDict("ChatClientToServerHubReject", {
    "payload": ChatClientToServerHubRejectPayload,
    "answer": ChatClientToServerHubRejectAnswer,
})
ChatClientToServerHubRestrictionsPayload = TypedDict("ChatClientToServerHubRestrictionsPayload", {
    "roomId": str,
})
ChatClientToServerHubRestrictionsAnswerRestrictions = TypedDict("ChatClientToServerHubRestrictionsAnswerRestrictions", {
    "blocked": list[dict[str, Json]],
    "silenced": list[dict[str, Json]],
    "waiting": list[dict[str, Json]],
    "hasMore": bool,
})
ChatClientToServerHubRestrictionsAnswer = TypedDict("ChatClientToServerHubRestrictionsAnswer", {
    "restrictions": ChatClientToServerHubRestrictionsAnswerRestrictions,
})
ChatClientToServerHubRestrictions = TypedDict("ChatClientToServerHubRestrictions", {
    "payload": ChatClientToServerHubRestrictionsPayload,
    "answer": ChatClientToServerHubRestrictionsAnswer,
})
ChatClientToServerHubBlockPayload = TypedDict("ChatClientToServerHubBlockPayload", {
    "roomId": str,
    "userId": str,
    "seconds": NotRequired[int],
    "reason": NotRequired[str],
    "deleteMessages": NotRequired[bool],
})
ChatClientToServerHubBlockAnswer = TypedDict("ChatClientToServerHubBlockAnswer", {
    "deleted": NotRequired[int],
})
ChatClientToServerHubBlock = TypedDict("ChatClientToServerHubBlock", {
    "payload": ChatClientToServerHubBlockPayload,
    "answer": ChatClientToServerHubBlockAnswer,
})
ChatClientToServerHubUnblockPayload = TypedDict("ChatClientToServerHubUnblockPayload", {
    "roomId": str,
    "userId": str,
    "seconds": NotRequired[int],
    "reason": NotRequired[str],
    "deleteMessages": NotRequired[bool],
})
ChatClientToServerHubUnblockAnswer = TypedDict("ChatClientToServerHubUnblockAnswer", {
})
ChatClientToServerHubUnblock = TypedDict("ChatClientToServerHubUnblock", {
    "payload": ChatClientToServerHubUnblockPayload,
    "answer": ChatClientToServerHubUnblockAnswer,
})
ChatClientToServerHubSilencePayload = TypedDict("ChatClientToServerHubSilencePayload", {
    "roomId": str,
    "userId": str,
    "seconds": NotRequired[int],
    "reason": NotRequired[str],
})
ChatClientToServerHubSilenceAnswer = TypedDict("ChatClientToServerHubSilenceAnswer", {
})
ChatClientToServerHubSilence = TypedDict("ChatClientToServerHubSilence", {
    "payload": ChatClientToServerHubSilencePayload,
    "answer": ChatClientToServerHubSilenceAnswer,
})
ChatClientToServerHubUnsilencePayload = TypedDict("ChatClientToServerHubUnsilencePayload", {
    "roomId": str,
    "userId": str,
    "seconds": NotRequired[int],
    "reason": NotRequired[str],
    "deleteMessages": NotRequired[bool],
})
ChatClientToServerHubUnsilenceAnswer = TypedDict("ChatClientToServerHubUnsilenceAnswer", {
})
ChatClientToServerHubUnsilence = TypedDict("ChatClientToServerHubUnsilence", {
    "payload": ChatClientToServerHubUnsilencePayload,
    "answer": ChatClientToServerHubUnsilenceAnswer,
})
ChatClientToServerHubRequestSpeakPayload = TypedDict("ChatClientToServerHubRequestSpeakPayload", {
    "roomId": str,
})
ChatClientToServerHubRequestSpeakAnswer = TypedDict("ChatClientToServerHubRequestSpeakAnswer", {
})
ChatClientToServerHubRequestSpeak = TypedDict("ChatClientToServerHubRequestSpeak", {
    "payload": ChatClientToServerHubRequestSpeakPayload,
    "answer": ChatClientToServerHubRequestSpeakAnswer,
})
ChatClientToServerHubGrantSpeakPayload = TypedDict("ChatClientToServerHubGrantSpeakPayload", {
    "roomId": str,
    "userId": str,
})
ChatClientToServerHubGrantSpeakAnswer = TypedDict("ChatClientToServerHubGrantSpeakAnswer", {
})
ChatClientToServerHubGrantSpeak = TypedDict("ChatClientToServerHubGrantSpeak", {
    "payload": ChatClientToServerHubGrantSpeakPayload,
    "answer": ChatClientToServerHubGrantSpeakAnswer,
})
ChatClientToServerHubDenySpeakPayload = TypedDict("ChatClientToServerHubDenySpeakPayload", {
    "roomId": str,
    "userId": str,
})
ChatClientToServerHubDenySpeakAnswer = TypedDict("ChatClientToServerHubDenySpeakAnswer", {
})
ChatClientToServerHubDenySpeak = TypedDict("ChatClientToServerHubDenySpeak", {
    "payload": ChatClientToServerHubDenySpeakPayload,
    "answer": ChatClientToServerHubDenySpeakAnswer,
})
ChatClientToServerHubEventPayload = TypedDict("ChatClientToServerHubEventPayload", {
    "roomId": str,
    "event": Literal["typing", "stopTyping", "messageRead", "online", "away", "wave"],
    "data": NotRequired[Json],
    "lastReadTimestamp": NotRequired[str],
    "lastReadSeq": NotRequired[int],
    "messageId": NotRequired[str],
})
ChatClientToServerHubEventAnswer = TypedDict("ChatClientToServerHubEventAnswer", {
})
ChatClientToServerHubEvent = TypedDict("ChatClientToServerHubEvent", {
    "payload": ChatClientToServerHubEventPayload,
    "answer": ChatClientToServerHubEventAnswer,
})
ChatClientToServerHubPresenceStatePayloadState1 = TypedDict("ChatClientToServerHubPresenceStatePayloadState1", {
    "mood": NotRequired[str],
})
ChatClientToServerHubPresenceStatePayload = TypedDict("ChatClientToServerHubPresenceStatePayload", {
    "roomId": str,
    "state": NotRequired[Union[ChatClientToServerHubPresenceStatePayloadState1, None]],
    "expireAfterMs": NotRequired[int],
    "silent": NotRequired[bool],
})
ChatClientToServerHubPresenceStateAnswer = TypedDict("ChatClientToServerHubPresenceStateAnswer", {
})
ChatClientToServerHubPresenceState = TypedDict("ChatClientToServerHubPresenceState", {
    "payload": ChatClientToServerHubPresenceStatePayload,
    "answer": ChatClientToServerHubPresenceStateAnswer,
})
ChatClientToServerHubRequestStatePayload = TypedDict("ChatClientToServerHubRequestStatePayload", {
    "roomId": str,
})
ChatClientToServerHubRequestStateAnswer = TypedDict("ChatClientToServerHubRequestStateAnswer", {
    "state": Json,
})
ChatClientToServerHubRequestState = TypedDict("ChatClientToServerHubRequestState", {
    "payload": ChatClientToServerHubRequestStatePayload,
    "answer": ChatClientToServerHubRequestStateAnswer,
})
ChatClientToServerHubKickPayload = TypedDict("ChatClientToServerHubKickPayload", {
    "roomId": str,
    "userId": str,
    "reason": NotRequired[str],
})
ChatClientToServerHubKickAnswer = TypedDict("ChatClientToServerHubKickAnswer", {
})
ChatClientToServerHubKick = TypedDict("ChatClientToServerHubKick", {
    "payload": ChatClientToServerHubKickPayload,
    "answer": ChatClientToServerHubKickAnswer,
})
ChatClientToServerHubUpdateRoomPayload = TypedDict("ChatClientToServerHubUpdateRoomPayload", {
    "roomId": str,
    "changes": dict[str, Json],
})
ChatClientToServerHubUpdateRoomAnswer = TypedDict("ChatClientToServerHubUpdateRoomAnswer", {
    "room": dict[str, Json],
})
ChatClientToServerHubUpdateRoom = TypedDict("ChatClientToServerHubUpdateRoom", {
    "payload": ChatClientToServerHubUpdateRoomPayload,
    "answer": ChatClientToServerHubUpdateRoomAnswer,
})
ChatClientToServerHubRefreshTokenPayload = TypedDict("ChatClientToServerHubRefreshTokenPayload", {
    "token": str,
})
ChatClientToServerHubRefreshTokenAnswer = TypedDict("ChatClientToServerHubRefreshTokenAnswer", {
})
ChatClientToServerHubRefreshToken = TypedDict("ChatClientToServerHubRefreshToken", {
    "payload": ChatClientToServerHubRefreshTokenPayload,
    "answer": ChatClientToServerHubRefreshTokenAnswer,
})
ChatClientToServerHubCommandPayload1Payload = TypedDict("ChatClientToServerHubCommandPayload1Payload", {
    "sides": int,
})
ChatClientToServerHubCommandPayload1 = TypedDict("ChatClientToServerHubCommandPayload1", {
    "roomId": NotRequired[str],
    "requestId": NotRequired[str],
    "traceparent": NotRequired[Json],
    "command": Literal["rollDice"],
    "payload": ChatClientToServerHubCommandPayload1Payload,
})
ChatClientToServerHubCommandPayload2 = TypedDict("ChatClientToServerHubCommandPayload2", {
    "roomId": NotRequired[str],
    "requestId": NotRequired[str],
    "traceparent": NotRequired[Json],
    "command": Literal["anything"],
    "payload": NotRequired[Json],
})
ChatClientToServerHubCommandPayload3 = TypedDict("ChatClientToServerHubCommandPayload3", {
    "roomId": NotRequired[str],
    "requestId": NotRequired[str],
    "traceparent": NotRequired[Json],
    "command": Literal["tell"],
    "payload": NotRequired[Json],
})
ChatClientToServerHubCommandAnswer = TypedDict("ChatClientToServerHubCommandAnswer", {
    "result": Json,
})
ChatClientToServerHubCommand = TypedDict("ChatClientToServerHubCommand", {
    "payload": Union[ChatClientToServerHubCommandPayload1, ChatClientToServerHubCommandPayload2, ChatClientToServerHubCommandPayload3],
    "answer": ChatClientToServerHubCommandAnswer,
})
ChatClientToServerHubSetMetadataPayload = TypedDict("ChatClientToServerHubSetMetadataPayload", {
    "metadata": dict[str, Json],
    "strategy": NotRequired[Literal["replace", "merge", "deepMerge"]],
})
ChatClientToServerHubSetMetadataAnswer = TypedDict("ChatClientToServerHubSetMetadataAnswer", {
    "metadata": dict[str, Json],
})
ChatClientToServerHubSetMetadata = TypedDict("ChatClientToServerHubSetMetadata", {
    "payload": ChatClientToServerHubSetMetadataPayload,
    "answer": ChatClientToServerHubSetMetadataAnswer,
})
ChatClientToServerHubGetMetadataPayload = TypedDict("ChatClientToServerHubGetMetadataPayload", {
    "connectionId": NotRequired[str],
})
ChatClientToServerHubGetMetadataAnswer = TypedDict("ChatClientToServerHubGetMetadataAnswer", {
    "metadata": dict[str, Json],
})
ChatClientToServerHubGetMetadata = TypedDict("ChatClientToServerHubGetMetadata", {
    "payload": NotRequired[ChatClientToServerHubGetMetadataPayload],
    "answer": ChatClientToServerHubGetMetadataAnswer,
})
ChatClientToServerHubRoomMetadataPayload = TypedDict("ChatClientToServerHubRoomMetadataPayload", {
    "roomId": str,
})
ChatClientToServerHubRoomMetadataAnswer = TypedDict("ChatClientToServerHubRoomMetadataAnswer", {
    "metadata": dict[str, Json],
    "version": int,
})
ChatClientToServerHubRoomMetadata = TypedDict("ChatClientToServerHubRoomMetadata", {
    "payload": ChatClientToServerHubRoomMetadataPayload,
    "answer": ChatClientToServerHubRoomMetadataAnswer,
})
ChatClientToServerHubSetRoomMetadataPayload = TypedDict("ChatClientToServerHubSetRoomMetadataPayload", {
    "roomId": str,
    "metadata": dict[str, Json],
    "strategy": NotRequired[Literal["replace", "merge", "deepMerge"]],
})
ChatClientToServerHubSetRoomMetadataAnswer = TypedDict("ChatClientToServerHubSetRoomMetadataAnswer", {
    "metadata": dict[str, Json],
    "version": int,
})
ChatClientToServerHubSetRoomMetadata = TypedDict("ChatClientToServerHubSetRoomMetadata", {
    "payload": ChatClientToServerHubSetRoomMetadataPayload,
    "answer": ChatClientToServerHubSetRoomMetadataAnswer,
})
ChatClientToServerHubSetRoomStatePayload = TypedDict("ChatClientToServerHubSetRoomStatePayload", {
    "roomId": str,
    "key": str,
    "value": NotRequired[Json],
    "deleted": NotRequired[bool],
})
ChatClientToServerHubSetRoomStateAnswer = TypedDict("ChatClientToServerHubSetRoomStateAnswer", {
    "version": int,
    "changed": bool,
})
ChatClientToServerHubSetRoomState = TypedDict("ChatClientToServerHubSetRoomState", {
    "payload": ChatClientToServerHubSetRoomStatePayload,
    "answer": ChatClientToServerHubSetRoomStateAnswer,
})
ChatClientToServerHubSubscribeRecordPayload = TypedDict("ChatClientToServerHubSubscribeRecordPayload", {
    "recordId": str,
    "mode": NotRequired[Literal["full", "patch"]],
    "version": NotRequired[int],
})
ChatClientToServerHubSubscribeRecordAnswer = TypedDict("ChatClientToServerHubSubscribeRecordAnswer", {
    "recordId": str,
    "version": int,
    "record": NotRequired[Json],
})
ChatClientToServerHubSubscribeRecord = TypedDict("ChatClientToServerHubSubscribeRecord", {
    "payload": ChatClientToServerHubSubscribeRecordPayload,
    "answer": ChatClientToServerHubSubscribeRecordAnswer,
})
ChatClientToServerHubUnsubscribeRecordPayload = TypedDict("ChatClientToServerHubUnsubscribeRecordPayload", {
    "recordId": str,
})
ChatClientToServerHubUnsubscribeRecordAnswer = TypedDict("ChatClientToServerHubUnsubscribeRecordAnswer", {
})
ChatClientToServerHubUnsubscribeRecord = TypedDict("ChatClientToServerHubUnsubscribeRecord", {
    "payload": ChatClientToServerHubUnsubscribeRecordPayload,
    "answer": ChatClientToServerHubUnsubscribeRecordAnswer,
})
ChatClientToServerHubReadRecordPayload = TypedDict("ChatClientToServerHubReadRecordPayload", {
    "recordId": str,
})
ChatClientToServerHubReadRecordAnswer = TypedDict("ChatClientToServerHubReadRecordAnswer", {
    "record": Json,
    "recordId": str,
    "version": int,
})
ChatClientToServerHubReadRecord = TypedDict("ChatClientToServerHubReadRecord", {
    "payload": ChatClientToServerHubReadRecordPayload,
    "answer": ChatClientToServerHubReadRecordAnswer,
})
ChatClientToServerHubWriteRecordPayload = TypedDict("ChatClientToServerHubWriteRecordPayload", {
    "recordId": str,
    "value": Json,
    "strategy": NotRequired[Literal["replace", "merge", "deepMerge"]],
    "ifVersion": NotRequired[int],
})
ChatClientToServerHubWriteRecordAnswer = TypedDict("ChatClientToServerHubWriteRecordAnswer", {
    "version": int,
    "changed": bool,
})
ChatClientToServerHubWriteRecord = TypedDict("ChatClientToServerHubWriteRecord", {
    "payload": ChatClientToServerHubWriteRecordPayload,
    "answer": ChatClientToServerHubWriteRecordAnswer,
})
ChatClientToServerHubPatchRecordPayload = TypedDict("ChatClientToServerHubPatchRecordPayload", {
    "recordId": str,
    "patch": list[dict[str, Json]],
    "ifVersion": NotRequired[int],
})
ChatClientToServerHubPatchRecordAnswer = TypedDict("ChatClientToServerHubPatchRecordAnswer", {
    "version": int,
    "changed": bool,
})
ChatClientToServerHubPatchRecord = TypedDict("ChatClientToServerHubPatchRecord", {
    "payload": ChatClientToServerHubPatchRecordPayload,
    "answer": ChatClientToServerHubPatchRecordAnswer,
})
ChatClientToServerHubDeleteRecordPayload = TypedDict("ChatClientToServerHubDeleteRecordPayload", {
    "recordId": str,
    "ifVersion": NotRequired[int],
})
ChatClientToServerHubDeleteRecordAnswer = TypedDict("ChatClientToServerHubDeleteRecordAnswer", {
    "version": int,
    "changed": bool,
})
ChatClientToServerHubDeleteRecord = TypedDict("ChatClientToServerHubDeleteRecord", {
    "payload": ChatClientToServerHubDeleteRecordPayload,
    "answer": ChatClientToServerHubDeleteRecordAnswer,
})
ChatClientToServerHubTransactionPayloadOperations = TypedDict("ChatClientToServerHubTransactionPayloadOperations", {
    "op": Literal["write", "patch", "delete", "check"],
    "recordId": str,
    "value": NotRequired[Json],
    "patch": NotRequired[list[dict[str, Json]]],
    "strategy": NotRequired[Literal["replace", "merge", "deepMerge"]],
    "ifVersion": NotRequired[int],
})
ChatClientToServerHubTransactionPayload = TypedDict("ChatClientToServerHubTransactionPayload", {
    "operations": list[ChatClientToServerHubTransactionPayloadOperations],
})
ChatClientToServerHubTransactionAnswerResults = TypedDict("ChatClientToServerHubTransactionAnswerResults", {
    "version": int,
    "changed": bool,
})
ChatClientToServerHubTransactionAnswer = TypedDict("ChatClientToServerHubTransactionAnswer", {
    "results": list[ChatClientToServerHubTransactionAnswerResults],
})
ChatClientToServerHubTransaction = TypedDict("ChatClientToServerHubTransaction", {
    "payload": ChatClientToServerHubTransactionPayload,
    "answer": ChatClientToServerHubTransactionAnswer,
})
ChatClientToServerHubSubscribeCollectionPayload = TypedDict("ChatClientToServerHubSubscribeCollectionPayload", {
    "collectionId": str,
    "version": NotRequired[int],
})
ChatClientToServerHubSubscribeCollectionAnswer = TypedDict("ChatClientToServerHubSubscribeCollectionAnswer", {
    "records": NotRequired[list[dict[str, Json]]],
    "collectionId": str,
    "ids": NotRequired[list[str]],
    "version": int,
})
ChatClientToServerHubSubscribeCollection = TypedDict("ChatClientToServerHubSubscribeCollection", {
    "payload": ChatClientToServerHubSubscribeCollectionPayload,
    "answer": ChatClientToServerHubSubscribeCollectionAnswer,
})
ChatClientToServerHubUnsubscribeCollectionPayload = TypedDict("ChatClientToServerHubUnsubscribeCollectionPayload", {
    "collectionId": str,
})
ChatClientToServerHubUnsubscribeCollectionAnswer = TypedDict("ChatClientToServerHubUnsubscribeCollectionAnswer", {
})
ChatClientToServerHubUnsubscribeCollection = TypedDict("ChatClientToServerHubUnsubscribeCollection", {
    "payload": ChatClientToServerHubUnsubscribeCollectionPayload,
    "answer": ChatClientToServerHubUnsubscribeCollectionAnswer,
})
ChatClientToServerHubSubscribePayload = TypedDict("ChatClientToServerHubSubscribePayload", {
    "channel": str,
    "historyLimit": NotRequired[int],
    "since": NotRequired[int],
    "epoch": NotRequired[str],
})
ChatClientToServerHubSubscribeAnswer = TypedDict("ChatClientToServerHubSubscribeAnswer", {
    "history": list[ChatChannelMessage],
    "channel": str,
    "offset": int,
    "epoch": str,
    "recovered": Union[bool, None],
})
ChatClientToServerHubSubscribe = TypedDict("ChatClientToServerHubSubscribe", {
    "payload": ChatClientToServerHubSubscribePayload,
    "answer": ChatClientToServerHubSubscribeAnswer,
})
ChatClientToServerHubUnsubscribePayload = TypedDict("ChatClientToServerHubUnsubscribePayload", {
    "channel": str,
})
ChatClientToServerHubUnsubscribeAnswer = TypedDict("ChatClientToServerHubUnsubscribeAnswer", {
})
ChatClientToServerHubUnsubscribe = TypedDict("ChatClientToServerHubUnsubscribe", {
    "payload": ChatClientToServerHubUnsubscribePayload,
    "answer": ChatClientToServerHubUnsubscribeAnswer,
})
ChatClientToServerHubPublishPayload = TypedDict("ChatClientToServerHubPublishPayload", {
    "channel": str,
    "data": NotRequired[Json],
})
ChatClientToServerHubPublishAnswer = TypedDict("ChatClientToServerHubPublishAnswer", {
    "offset": int,
})
ChatClientToServerHubPublish = TypedDict("ChatClientToServerHubPublish", {
    "payload": ChatClientToServerHubPublishPayload,
    "answer": ChatClientToServerHubPublishAnswer,
})
ChatClientToServerHubChannelHistoryPayload = TypedDict("ChatClientToServerHubChannelHistoryPayload", {
    "channel": str,
    "before": NotRequired[int],
    "limit": NotRequired[int],
})
ChatClientToServerHubChannelHistoryAnswer = TypedDict("ChatClientToServerHubChannelHistoryAnswer", {
    "history": list[ChatChannelMessage],
    "hasMore": bool,
})
ChatClientToServerHubChannelHistory = TypedDict("ChatClientToServerHubChannelHistory", {
    "payload": ChatClientToServerHubChannelHistoryPayload,
    "answer": ChatClientToServerHubChannelHistoryAnswer,
})
ChatClientToServerHubRoomsPayload = TypedDict("ChatClientToServerHubRoomsPayload", {
    "before": NotRequired[str],
    "limit": NotRequired[int],
})
ChatClientToServerHubRoomsAnswer = TypedDict("ChatClientToServerHubRoomsAnswer", {
    "rooms": list[ChatInboxRoom],
    "before": Union[str, None],
    "hasMore": bool,
})
ChatClientToServerHubRooms = TypedDict("ChatClientToServerHubRooms", {
    "payload": NotRequired[ChatClientToServerHubRoomsPayload],
    "answer": ChatClientToServerHubRoomsAnswer,
})
ChatClientToServerHubWatchInboxPayload = TypedDict("ChatClientToServerHubWatchInboxPayload", {
})
ChatClientToServerHubWatchInboxAnswer = TypedDict("ChatClientToServerHubWatchInboxAnswer", {
})
ChatClientToServerHubWatchInbox = TypedDict("ChatClientToServerHubWatchInbox", {
    "payload": NotRequired[ChatClientToServerHubWatchInboxPayload],
    "answer": ChatClientToServerHubWatchInboxAnswer,
})
ChatClientToServerMessageReadPayload = TypedDict("ChatClientToServerMessageReadPayload", {
    "roomId": str,
    "lastReadTimestamp": NotRequired[str],
    "lastReadSeq": NotRequired[int],
    "messageId": NotRequired[str],
})
ChatClientToServerMessageReadAnswer = TypedDict("ChatClientToServerMessageReadAnswer", {
})
ChatClientToServerMessageRead = TypedDict("ChatClientToServerMessageRead", {
    "payload": ChatClientToServerMessageReadPayload,
    "answer": ChatClientToServerMessageReadAnswer,
})
ChatClientToServerHubMessageReadPayload = TypedDict("ChatClientToServerHubMessageReadPayload", {
    "roomId": str,
    "lastReadTimestamp": NotRequired[str],
    "lastReadSeq": NotRequired[int],
    "messageId": NotRequired[str],
})
ChatClientToServerHubMessageReadAnswer = TypedDict("ChatClientToServerHubMessageReadAnswer", {
})
ChatClientToServerHubMessageRead = TypedDict("ChatClientToServerHubMessageRead", {
    "payload": ChatClientToServerHubMessageReadPayload,
    "answer": ChatClientToServerHubMessageReadAnswer,
})
ChatClientToServerWavePayload = TypedDict("ChatClientToServerWavePayload", {
    "roomId": str,
    "data": NotRequired[Json],
})
ChatClientToServerWaveAnswer = TypedDict("ChatClientToServerWaveAnswer", {
})
ChatClientToServerWave = TypedDict("ChatClientToServerWave", {
    "payload": ChatClientToServerWavePayload,
    "answer": ChatClientToServerWaveAnswer,
})
ChatClientToServerRollDicePayload = TypedDict("ChatClientToServerRollDicePayload", {
    "sides": int,
    "requestId": NotRequired[str],
})
ChatClientToServerRollDiceAnswerResult = TypedDict("ChatClientToServerRollDiceAnswerResult", {
    "value": int,
})
ChatClientToServerRollDiceAnswer = TypedDict("ChatClientToServerRollDiceAnswer", {
    "result": ChatClientToServerRollDiceAnswerResult,
})
ChatClientToServerRollDice = TypedDict("ChatClientToServerRollDice", {
    "payload": ChatClientToServerRollDicePayload,
    "answer": ChatClientToServerRollDiceAnswer,
})
ChatClientToServerAnythingAnswer = TypedDict("ChatClientToServerAnythingAnswer", {
    "result": Json,
})
ChatClientToServerAnything = TypedDict("ChatClientToServerAnything", {
    "payload": NotRequired[Json],
    "answer": ChatClientToServerAnythingAnswer,
})
ChatClientToServerTellPayload = TypedDict("ChatClientToServerTellPayload", {
    "roomId": str,
    "requestId": NotRequired[str],
})
ChatClientToServerTellAnswer = TypedDict("ChatClientToServerTellAnswer", {
    "result": Json,
})
ChatClientToServerTell = TypedDict("ChatClientToServerTell", {
    "payload": ChatClientToServerTellPayload,
    "answer": ChatClientToServerTellAnswer,
})
ChatClientToServer = TypedDict("ChatClientToServer", {
    "hub:join": ChatClientToServerHubJoin,
    "hub:leave": ChatClientToServerHubLeave,
    "hub:members": ChatClientToServerHubMembers,
    "hub:send": ChatClientToServerHubSend,
    "hub:edit": ChatClientToServerHubEdit,
    "hub:delete": ChatClientToServerHubDelete,
    "hub:react": ChatClientToServerHubReact,
    "hub:history": ChatClientToServerHubHistory,
    "hub:pending": ChatClientToServerHubPending,
    "hub:approve": ChatClientToServerHubApprove,
    "hub:reject": ChatClientToServerHubReject,
    "hub:restrictions": ChatClientToServerHubRestrictions,
    "hub:block": ChatClientToServerHubBlock,
    "hub:unblock": ChatClientToServerHubUnblock,
    "hub:silence": ChatClientToServerHubSilence,
    "hub:unsilence": ChatClientToServerHubUnsilence,
    "hub:requestSpeak": ChatClientToServerHubRequestSpeak,
    "hub:grantSpeak": ChatClientToServerHubGrantSpeak,
    "hub:denySpeak": ChatClientToServerHubDenySpeak,
    "hub:event": ChatClientToServerHubEvent,
    "hub:presenceState": ChatClientToServerHubPresenceState,
    "hub:requestState": ChatClientToServerHubRequestState,
    "hub:kick": ChatClientToServerHubKick,
    "hub:updateRoom": ChatClientToServerHubUpdateRoom,
    "hub:refreshToken": ChatClientToServerHubRefreshToken,
    "hub:command": ChatClientToServerHubCommand,
    "hub:setMetadata": ChatClientToServerHubSetMetadata,
    "hub:getMetadata": ChatClientToServerHubGetMetadata,
    "hub:roomMetadata": ChatClientToServerHubRoomMetadata,
    "hub:setRoomMetadata": ChatClientToServerHubSetRoomMetadata,
    "hub:setRoomState": ChatClientToServerHubSetRoomState,
    "hub:subscribeRecord": ChatClientToServerHubSubscribeRecord,
    "hub:unsubscribeRecord": ChatClientToServerHubUnsubscribeRecord,
    "hub:readRecord": ChatClientToServerHubReadRecord,
    "hub:writeRecord": ChatClientToServerHubWriteRecord,
    "hub:patchRecord": ChatClientToServerHubPatchRecord,
    "hub:deleteRecord": ChatClientToServerHubDeleteRecord,
    "hub:transaction": ChatClientToServerHubTransaction,
    "hub:subscribeCollection": ChatClientToServerHubSubscribeCollection,
    "hub:unsubscribeCollection": ChatClientToServerHubUnsubscribeCollection,
    "hub:subscribe": ChatClientToServerHubSubscribe,
    "hub:unsubscribe": ChatClientToServerHubUnsubscribe,
    "hub:publish": ChatClientToServerHubPublish,
    "hub:channelHistory": ChatClientToServerHubChannelHistory,
    "hub:rooms": ChatClientToServerHubRooms,
    "hub:watchInbox": ChatClientToServerHubWatchInbox,
    "messageRead": ChatClientToServerMessageRead,
    "hub:messageRead": ChatClientToServerHubMessageRead,
    "wave": ChatClientToServerWave,
    "rollDice": ChatClientToServerRollDice,
    "anything": ChatClientToServerAnything,
    "tell": ChatClientToServerTell,
})

ChatServerToClientHubRoomUpdated = TypedDict("ChatServerToClientHubRoomUpdated", {
    "roomId": str,
    "record": dict[str, Json],
    "changes": NotRequired[dict[str, Json]],
})
ChatServerToClientHubRoomClosed = TypedDict("ChatServerToClientHubRoomClosed", {
    "roomId": str,
    "record": dict[str, Json],
    "changes": NotRequired[dict[str, Json]],
})
ChatServerToClientHubLeft = TypedDict("ChatServerToClientHubLeft", {
    "roomId": str,
    "reason": NotRequired[str],
})
ChatServerToClientHubKicked = TypedDict("ChatServerToClientHubKicked", {
    "roomId": str,
    "reason": NotRequired[str],
})
ChatServerToClientHubPermissions = TypedDict("ChatServerToClientHubPermissions", {
    "roomId": str,
    "hubRole": Union[ChatRole, Literal["system"], None],
    "permissions": ChatPermissions,
    "silenced": bool,
})
ChatServerToClientHubMessageArrived = TypedDict("ChatServerToClientHubMessageArrived", {
    "roomId": str,
    "message": ChatMessage,
    "sender": NotRequired[ChatSender],
    "provisional": NotRequired[bool],
})
ChatServerToClientHubMessageStored = TypedDict("ChatServerToClientHubMessageStored", {
    "roomId": str,
    "messageId": str,
    "seq": int,
})
ChatServerToClientHubMessageFailed = TypedDict("ChatServerToClientHubMessageFailed", {
    "roomId": str,
    "messageId": str,
    "code": ErrorCode,
})
ChatServerToClientHubMessageEdited = TypedDict("ChatServerToClientHubMessageEdited", {
    "roomId": str,
    "message": ChatMessage,
    "seq": int,
})
ChatServerToClientHubMessageDeleted = TypedDict("ChatServerToClientHubMessageDeleted", {
    "roomId": str,
    "messageId": str,
    "seq": Union[int, None],
})
ChatServerToClientHubReaction = TypedDict("ChatServerToClientHubReaction", {
    "roomId": str,
    "messageId": str,
    "emoji": str,
    "userId": str,
    "removed": bool,
    "counts": dict[str, int],
    "reaction": NotRequired[list[ChatReaction]],
    "seq": int,
})
ChatServerToClientHubSkipped = TypedDict("ChatServerToClientHubSkipped", {
    "roomId": str,
    "seqs": list[int],
})
ChatServerToClientHubMessagePending = TypedDict("ChatServerToClientHubMessagePending", {
    "roomId": str,
    "message": ChatMessage,
})
ChatServerToClientHubMessageRejected = TypedDict("ChatServerToClientHubMessageRejected", {
    "roomId": str,
    "messageId": str,
    "reason": NotRequired[str],
})
ChatServerToClientHubBlocked = TypedDict("ChatServerToClientHubBlocked", {
    "roomId": str,
    "reason": NotRequired[str],
})
ChatServerToClientHubSilenced = TypedDict("ChatServerToClientHubSilenced", {
    "roomId": str,
    "userId": str,
})
ChatServerToClientHubUnsilenced = TypedDict("ChatServerToClientHubUnsilenced", {
    "roomId": str,
    "userId": str,
})
ChatServerToClientHubSpeakRequested = TypedDict("ChatServerToClientHubSpeakRequested", {
    "roomId": str,
    "userId": str,
})
ChatServerToClientHubSpeakGranted = TypedDict("ChatServerToClientHubSpeakGranted", {
    "roomId": str,
    "userId": str,
})
ChatServerToClientHubSpeakDenied = TypedDict("ChatServerToClientHubSpeakDenied", {
    "roomId": str,
    "userId": str,
})
ChatServerToClientWave = TypedDict("ChatServerToClientWave", {
    "roomId": str,
    "userId": NotRequired[str],
    "data": Json,
})
ChatServerToClientNotice = TypedDict("ChatServerToClientNotice", {
    "roomId": str,
    "userId": NotRequired[str],
    "data": Json,
})
ChatServerToClientHubMessageRead = TypedDict("ChatServerToClientHubMessageRead", {
    "roomId": str,
    "userId": str,
    "lastReadTimestamp": str,
    "lastReadSeq": int,
})
ChatServerToClientHubTyping = TypedDict("ChatServerToClientHubTyping", {
    "roomId": str,
    "userId": str,
    "user": ChatUser,
})
ChatServerToClientHubStopTyping = TypedDict("ChatServerToClientHubStopTyping", {
    "roomId": str,
    "userId": str,
    "user": ChatUser,
})
ChatServerToClientHubOnline = TypedDict("ChatServerToClientHubOnline", {
    "roomId": str,
    "event": Literal["online", "away", "offline"],
    "user": ChatUser,
})
ChatServerToClientHubAway = TypedDict("ChatServerToClientHubAway", {
    "roomId": str,
    "event": Literal["online", "away", "offline"],
    "user": ChatUser,
})
ChatServerToClientHubOffline = TypedDict("ChatServerToClientHubOffline", {
    "roomId": str,
    "event": Literal["online", "away", "offline"],
    "user": ChatUser,
})
ChatServerToClientHubPresence1 = TypedDict("ChatServerToClientHubPresence1", {
    "roomId": str,
    "event": Literal["online", "away", "offline"],
    "user": ChatUser,
})
ChatServerToClientHubPresence2State1 = TypedDict("ChatServerToClientHubPresence2State1", {
    "mood": NotRequired[str],
})
ChatServerToClientHubPresence2 = TypedDict("ChatServerToClientHubPresence2", {
    "roomId": str,
    "event": Literal["state"],
    "user": ChatUser,
    "state": Union[ChatServerToClientHubPresence2State1, None],
})
ChatServerToClientHubState = TypedDict("ChatServerToClientHubState", {
    "roomId": str,
    "state": Json,
})
ChatServerToClientHubMemberJoined = TypedDict("ChatServerToClientHubMemberJoined", {
    "roomId": str,
    "record": dict[str, Json],
})
ChatServerToClientHubMemberLeft = TypedDict("ChatServerToClientHubMemberLeft", {
    "roomId": str,
    "record": dict[str, Json],
})
ChatServerToClientHubError = TypedDict("ChatServerToClientHubError", {
    "error": str,
    "code": ErrorCode,
    "event": str,
    "roomId": NotRequired[str],
    "retryAfterMs": NotRequired[int],
})
ChatServerToClientHubDraining = TypedDict("ChatServerToClientHubDraining", {
    "retryAfterMs": int,
})
ChatServerToClientHubRoomState = TypedDict("ChatServerToClientHubRoomState", {
    "roomId": str,
    "entries": dict[str, Json],
    "version": int,
})
ChatServerToClientHubRoomStateChanged = TypedDict("ChatServerToClientHubRoomStateChanged", {
    "roomId": str,
    "key": NotRequired[str],
    "value": NotRequired[Json],
    "deleted": NotRequired[bool],
    "cleared": NotRequired[bool],
    "version": int,
})
ChatServerToClientHubRecordUpdated = TypedDict("ChatServerToClientHubRecordUpdated", {
    "recordId": str,
    "version": int,
    "full": NotRequired[Json],
    "patch": NotRequired[list[dict[str, Json]]],
})
ChatServerToClientHubRecordDeleted = TypedDict("ChatServerToClientHubRecordDeleted", {
    "recordId": str,
    "version": int,
})
ChatServerToClientHubUnsubscribed1 = TypedDict("ChatServerToClientHubUnsubscribed1", {
    "recordId": str,
    "reason": str,
})
ChatServerToClientHubUnsubscribed2 = TypedDict("ChatServerToClientHubUnsubscribed2", {
    "collectionId": str,
    "reason": str,
})
ChatServerToClientHubUnsubscribed3 = TypedDict("ChatServerToClientHubUnsubscribed3", {
    "channel": str,
    "reason": str,
})
ChatServerToClientHubCollectionChanged = TypedDict("ChatServerToClientHubCollectionChanged", {
    "collectionId": str,
    "version": int,
    "added": list[dict[str, Json]],
    "changed": list[dict[str, Json]],
    "removed": list[str],
    "order": NotRequired[list[str]],
    "reset": NotRequired[bool],
})
ChatServerToClientHubChannelMessage = TypedDict("ChatServerToClientHubChannelMessage", {
    "channel": str,
    "offset": Union[int, None],
    "at": str,
    "data": Json,
    "publisher": NotRequired[ChatUser],
})
ChatServerToClientHubRoomActivity = TypedDict("ChatServerToClientHubRoomActivity", {
    "roomId": str,
    "seq": int,
    "lastMessage": Union[ChatMessage, None],
    "unread": int,
})
ChatServerToClientHubSuperseded = TypedDict("ChatServerToClientHubSuperseded", {
    "clientId": str,
})
ChatServerToClientHubInvokeData = TypedDict("ChatServerToClientHubInvokeData", {
    "title": str,
})
ChatServerToClientHubInvoke = TypedDict("ChatServerToClientHubInvoke", {
    "type": Literal["confirm"],
    "data": ChatServerToClientHubInvokeData,
})
ChatServerToClient = TypedDict("ChatServerToClient", {
    "hub:joined": ChatJoined,
    "hub:history": ChatHistory,
    "hub:roomUpdated": ChatServerToClientHubRoomUpdated,
    "hub:roomClosed": ChatServerToClientHubRoomClosed,
    "hub:left": ChatServerToClientHubLeft,
    "hub:kicked": ChatServerToClientHubKicked,
    "hub:permissions": ChatServerToClientHubPermissions,
    "hub:messageArrived": ChatServerToClientHubMessageArrived,
    "hub:messageStored": ChatServerToClientHubMessageStored,
    "hub:messageFailed": ChatServerToClientHubMessageFailed,
    "hub:messageEdited": ChatServerToClientHubMessageEdited,
    "hub:messageDeleted": ChatServerToClientHubMessageDeleted,
    "hub:reaction": ChatServerToClientHubReaction,
    "hub:skipped": ChatServerToClientHubSkipped,
    "hub:messagePending": ChatServerToClientHubMessagePending,
    "hub:messageRejected": ChatServerToClientHubMessageRejected,
    "hub:blocked": ChatServerToClientHubBlocked,
    "hub:silenced": ChatServerToClientHubSilenced,
    "hub:unsilenced": ChatServerToClientHubUnsilenced,
    "hub:speakRequested": ChatServerToClientHubSpeakRequested,
    "hub:speakGranted": ChatServerToClientHubSpeakGranted,
    "hub:speakDenied": ChatServerToClientHubSpeakDenied,
    "wave": ChatServerToClientWave,
    "notice": ChatServerToClientNotice,
    "hub:messageRead": ChatServerToClientHubMessageRead,
    "hub:typing": ChatServerToClientHubTyping,
    "hub:stopTyping": ChatServerToClientHubStopTyping,
    "hub:online": ChatServerToClientHubOnline,
    "hub:away": ChatServerToClientHubAway,
    "hub:offline": ChatServerToClientHubOffline,
    "hub:presence": Union[ChatServerToClientHubPresence1, ChatServerToClientHubPresence2],
    "hub:state": ChatServerToClientHubState,
    "hub:memberJoined": ChatServerToClientHubMemberJoined,
    "hub:memberLeft": ChatServerToClientHubMemberLeft,
    "hub:error": ChatServerToClientHubError,
    "hub:draining": ChatServerToClientHubDraining,
    "hub:roomState": ChatServerToClientHubRoomState,
    "hub:roomStateChanged": ChatServerToClientHubRoomStateChanged,
    "hub:recordUpdated": ChatServerToClientHubRecordUpdated,
    "hub:recordDeleted": ChatServerToClientHubRecordDeleted,
    "hub:unsubscribed": Union[ChatServerToClientHubUnsubscribed1, ChatServerToClientHubUnsubscribed2, ChatServerToClientHubUnsubscribed3],
    "hub:collectionChanged": ChatServerToClientHubCollectionChanged,
    "hub:channelMessage": ChatServerToClientHubChannelMessage,
    "hub:roomActivity": ChatServerToClientHubRoomActivity,
    "hub:superseded": ChatServerToClientHubSuperseded,
    "hub:invoke": ChatServerToClientHubInvoke,
})

Chat = TypedDict("Chat", {
    "serverToClient": ChatServerToClient,
    "clientToServer": ChatClientToServer,
    "content": ChatContent,
    "input": ChatInput,
    "message": ChatMessage,
    "role": ChatRole,
    "commands": ChatCommands,
    "channels": ChatChannels,
    "records": ChatRecords,
})

PlainRole = Never

PlainContentText = TypedDict("PlainContentText", {
    "body": str,
})
PlainContent = TypedDict("PlainContent", {
    "text": PlainContentText,
})

PlainInputText = TypedDict("PlainInputText", {
    "body": str,
})
PlainInput = TypedDict("PlainInput", {
    "text": PlainInputText,
})

PlainCommon = TypedDict("PlainCommon", {
    "id": str,
    "roomId": str,
    "senderId": Union[str, None],
    "senderName": NotRequired[Union[str, None]],
    "senderAvatar": NotRequired[Union[str, None]],
    "timestamp": str,
    "status": Literal["approved", "pending", "rejected"],
    "seq": Union[int, None],
    "changeSeq": Union[int, None],
    "clientMessageId": NotRequired[str],
    "editedAt": NotRequired[str],
})

class PlainMessage(PlainCommon):
    messageType: Literal["text"]
    content: PlainContentText

PlainCommands = TypedDict("PlainCommands", {
})

PlainChannels = TypedDict("PlainChannels", {
})

PlainRecords = TypedDict("PlainRecords", {
})

PlainPermissions = TypedDict("PlainPermissions", {
    "canRead": bool,
    "canSend": bool,
    "moderated": bool,
    "canModerate": bool,
    "canDeleteAny": bool,
    "canManageRoom": bool,
    "allowedMessageTypes": list[Literal["text"]],
})

PlainMember = TypedDict("PlainMember", {
    "userId": str,
    "id": str,
    "name": Union[str, None],
    "avatar": Union[str, None],
    "hubRole": Union[PlainRole, Literal["system"], None],
    "presence": Literal["online", "away"],
    "connections": int,
    "typing": bool,
    "recording": bool,
})

PlainJoined = TypedDict("PlainJoined", {
    "roomId": str,
    "hubRole": Union[PlainRole, Literal["system"], None],
    "permissions": PlainPermissions,
    "silenced": bool,
    "seq": int,
    "epoch": str,
    "memberCount": int,
    "recovered": Union[bool, None],
    "members": NotRequired[list[PlainMember]],
})

PlainHistoryChanges1 = TypedDict("PlainHistoryChanges1", {
    "messageId": str,
    "seq": int,
    "message": PlainMessage,
})
PlainHistoryChanges2 = TypedDict("PlainHistoryChanges2", {
    "messageId": str,
    "seq": int,
    "deleted": Literal[True],
})
PlainHistory = TypedDict("PlainHistory", {
    "roomId": str,
    "messages": list[PlainMessage],
    "changes": NotRequired[list[Union[PlainHistoryChanges1, PlainHistoryChanges2]]],
    "hasMore": bool,
    "recovered": Union[bool, None],
})

PlainSender = TypedDict("PlainSender", {
    "id": str,
    "name": Union[str, None],
    "avatar": Union[str, None],
})

PlainClientToServerHubJoinPayload = TypedDict("PlainClientToServerHubJoinPayload", {
    "roomId": str,
    "since": NotRequired[int],
    "epoch": NotRequired[str],
    "historyLimit": NotRequired[int],
    "members": NotRequired[bool],
})
PlainClientToServerHubJoin = TypedDict("PlainClientToServerHubJoin", {
    "payload": PlainClientToServerHubJoinPayload,
    "answer": PlainJoined,
})
PlainClientToServerHubLeavePayload = TypedDict("PlainClientToServerHubLeavePayload", {
    "roomId": str,
})
PlainClientToServerHubLeaveAnswer = TypedDict("PlainClientToServerHubLeaveAnswer", {
})
PlainClientToServerHubLeave = TypedDict("PlainClientToServerHubLeave", {
    "payload": PlainClientToServerHubLeavePayload,
    "answer": PlainClientToServerHubLeaveAnswer,
})
PlainClientToServerHubMembersPayload = TypedDict("PlainClientToServerHubMembersPayload", {
    "roomId": str,
})
PlainClientToServerHubMembersAnswer = TypedDict("PlainClientToServerHubMembersAnswer", {
    "members": list[PlainMember],
})
PlainClientToServerHubMembers = TypedDict("PlainClientToServerHubMembers", {
    "payload": PlainClientToServerHubMembersPayload,
    "answer": PlainClientToServerHubMembersAnswer,
})
PlainClientToServerHubSendPayload = TypedDict("PlainClientToServerHubSendPayload", {
    "roomId": str,
    "clientMessageId": NotRequired[str],
    "messageType": Literal["text"],
    "content": PlainInputText,
})
PlainClientToServerHubSendAnswer = TypedDict("PlainClientToServerHubSendAnswer", {
    "message": PlainMessage,
})
PlainClientToServerHubSend = TypedDict("PlainClientToServerHubSend", {
    "payload": PlainClientToServerHubSendPayload,
    "answer": PlainClientToServerHubSendAnswer,
})
PlainClientToServerHubEditPayload = TypedDict("PlainClientToServerHubEditPayload", {
    "roomId": str,
    "messageId": str,
    "content": PlainInputText,
})
PlainClientToServerHubEditAnswer = TypedDict("PlainClientToServerHubEditAnswer", {
    "message": PlainMessage,
})
PlainClientToServerHubEdit = TypedDict("PlainClientToServerHubEdit", {
    "payload": PlainClientToServerHubEditPayload,
    "answer": PlainClientToServerHubEditAnswer,
})
PlainClientToServerHubDeletePayload = TypedDict("PlainClientToServerHubDeletePayload", {
    "roomId": str,
    "messageId": str,
})
PlainClientToServerHubDeleteAnswer = TypedDict("PlainClientToServerHubDeleteAnswer", {
})
PlainClientToServerHubDelete = TypedDict("PlainClientToServerHubDelete", {
    "payload": PlainClientToServerHubDeletePayload,
    "answer": PlainClientToServerHubDeleteAnswer,
})
PlainClientToServerHubHistoryPayload = TypedDict("PlainClientToServerHubHistoryPayload", {
    "roomId": str,
    "before": NotRequired[int],
    "after": NotRequired[int],
    "messageType": NotRequired[str],
    "senderId": NotRequired[str],
    "include": NotRequired[Literal["events"]],
    "limit": NotRequired[int],
})
PlainClientToServerHubHistoryAnswer = TypedDict("PlainClientToServerHubHistoryAnswer", {
    "messages": list[PlainMessage],
    "hasMore": bool,
    "events": NotRequired[list[dict[str, Json]]],
    "totalRowCount": NotRequired[int],
})
PlainClientToServerHubHistory = TypedDict("PlainClientToServerHubHistory", {
    "payload": PlainClientToServerHubHistoryPayload,
    "answer": PlainClientToServerHubHistoryAnswer,
})
PlainClientToServerHubPendingPayload = TypedDict("PlainClientToServerHubPendingPayload", {
    "roomId": str,
    "afterId": NotRequired[str],
    "limit": NotRequired[int],
})
PlainClientToServerHubPendingAnswer = TypedDict("PlainClientToServerHubPendingAnswer", {
    "messages": list[PlainMessage],
    "hasMore": bool,
})
PlainClientToServerHubPending = TypedDict("PlainClientToServerHubPending", {
    "payload": PlainClientToServerHubPendingPayload,
    "answer": PlainClientToServerHubPendingAnswer,
})
PlainClientToServerHubApprovePayload = TypedDict("PlainClientToServerHubApprovePayload", {
    "roomId": str,
    "messageId": str,
    "reason": NotRequired[str],
})
PlainClientToServerHubApproveAnswer = TypedDict("PlainClientToServerHubApproveAnswer", {
    "message": PlainMessage,
})
PlainClientToServerHubApprove = TypedDict("PlainClientToServerHubApprove", {
    "payload": PlainClientToServerHubApprovePayload,
    "answer": PlainClientToServerHubApproveAnswer,
})
PlainClientToServerHubRejectPayload = TypedDict("PlainClientToServerHubRejectPayload", {
    "roomId": str,
    "messageId": str,
    "reason": NotRequired[str],
})
PlainClientToServerHubRejectAnswer = TypedDict("PlainClientToServerHubRejectAnswer", {
    "message": PlainMessage,
})
PlainClientToServerHubReject = TypedDict("PlainClientToServerHubReject", {
    "payload": PlainClientToServerHubRejectPayload,
    "answer": PlainClientToServerHubRejectAnswer,
})
PlainClientToServerHubRestrictionsPayload = TypedDict("PlainClientToServerHubRestrictionsPayload", {
    "roomId": str,
})
PlainClientToServerHubRestrictionsAnswerRestrictions = TypedDict("PlainClientToServerHubRestrictionsAnswerRestrictions", {
    "blocked": list[dict[str, Json]],
    "silenced": list[dict[str, Json]],
    "waiting": list[dict[str, Json]],
    "hasMore": bool,
})
PlainClientToServerHubRestrictionsAnswer = TypedDict("PlainClientToServerHubRestrictionsAnswer", {
    "restrictions": PlainClientToServerHubRestrictionsAnswerRestrictions,
})
PlainClientToServerHubRestrictions = TypedDict("PlainClientToServerHubRestrictions", {
    "payload": PlainClientToServerHubRestrictionsPayload,
    "answer": PlainClientToServerHubRestrictionsAnswer,
})
PlainClientToServerHubBlockPayload = TypedDict("PlainClientToServerHubBlockPayload", {
    "roomId": str,
    "userId": str,
    "seconds": NotRequired[int],
    "reason": NotRequired[str],
    "deleteMessages": NotRequired[bool],
})
PlainClientToServerHubBlockAnswer = TypedDict("PlainClientToServerHubBlockAnswer", {
    "deleted": NotRequired[int],
})
PlainClientToServerHubBlock = TypedDict("PlainClientToServerHubBlock", {
    "payload": PlainClientToServerHubBlockPayload,
    "answer": PlainClientToServerHubBlockAnswer,
})
PlainClientToServerHubUnblockPayload = TypedDict("PlainClientToServerHubUnblockPayload", {
    "roomId": str,
    "userId": str,
    "seconds": NotRequired[int],
    "reason": NotRequired[str],
    "deleteMessages": NotRequired[bool],
})
PlainClientToServerHubUnblockAnswer = TypedDict("PlainClientToServerHubUnblockAnswer", {
})
PlainClientToServerHubUnblock = TypedDict("PlainClientToServerHubUnblock", {
    "payload": PlainClientToServerHubUnblockPayload,
    "answer": PlainClientToServerHubUnblockAnswer,
})
PlainClientToServerHubSilencePayload = TypedDict("PlainClientToServerHubSilencePayload", {
    "roomId": str,
    "userId": str,
    "seconds": NotRequired[int],
    "reason": NotRequired[str],
})
PlainClientToServerHubSilenceAnswer = TypedDict("PlainClientToServerHubSilenceAnswer", {
})
PlainClientToServerHubSilence = TypedDict("PlainClientToServerHubSilence", {
    "payload": PlainClientToServerHubSilencePayload,
    "answer": PlainClientToServerHubSilenceAnswer,
})
PlainClientToServerHubUnsilencePayload = TypedDict("PlainClientToServerHubUnsilencePayload", {
    "roomId": str,
    "userId": str,
    "seconds": NotRequired[int],
    "reason": NotRequired[str],
    "deleteMessages": NotRequired[bool],
})
PlainClientToServerHubUnsilenceAnswer = TypedDict("PlainClientToServerHubUnsilenceAnswer", {
})
PlainClientToServerHubUnsilence = TypedDict("PlainClientToServerHubUnsilence", {
    "payload": PlainClientToServerHubUnsilencePayload,
    "answer": PlainClientToServerHubUnsilenceAnswer,
})
PlainClientToServerHubRequestSpeakPayload = TypedDict("PlainClientToServerHubRequestSpeakPayload", {
    "roomId": str,
})
PlainClientToServerHubRequestSpeakAnswer = TypedDict("PlainClientToServerHubRequestSpeakAnswer", {
})
PlainClientToServerHubRequestSpeak = TypedDict("PlainClientToServerHubRequestSpeak", {
    "payload": PlainClientToServerHubRequestSpeakPayload,
    "answer": PlainClientToServerHubRequestSpeakAnswer,
})
PlainClientToServerHubGrantSpeakPayload = TypedDict("PlainClientToServerHubGrantSpeakPayload", {
    "roomId": str,
    "userId": str,
})
PlainClientToServerHubGrantSpeakAnswer = TypedDict("PlainClientToServerHubGrantSpeakAnswer", {
})
PlainClientToServerHubGrantSpeak = TypedDict("PlainClientToServerHubGrantSpeak", {
    "payload": PlainClientToServerHubGrantSpeakPayload,
    "answer": PlainClientToServerHubGrantSpeakAnswer,
})
PlainClientToServerHubDenySpeakPayload = TypedDict("PlainClientToServerHubDenySpeakPayload", {
    "roomId": str,
    "userId": str,
})
PlainClientToServerHubDenySpeakAnswer = TypedDict("PlainClientToServerHubDenySpeakAnswer", {
})
PlainClientToServerHubDenySpeak = TypedDict("PlainClientToServerHubDenySpeak", {
    "payload": PlainClientToServerHubDenySpeakPayload,
    "answer": PlainClientToServerHubDenySpeakAnswer,
})
PlainClientToServerHubEventPayload = TypedDict("PlainClientToServerHubEventPayload", {
    "roomId": str,
    "event": Never,
    "data": NotRequired[Json],
})
PlainClientToServerHubEventAnswer = TypedDict("PlainClientToServerHubEventAnswer", {
})
PlainClientToServerHubEvent = TypedDict("PlainClientToServerHubEvent", {
    "payload": PlainClientToServerHubEventPayload,
    "answer": PlainClientToServerHubEventAnswer,
})
PlainClientToServerHubKickPayload = TypedDict("PlainClientToServerHubKickPayload", {
    "roomId": str,
    "userId": str,
    "reason": NotRequired[str],
})
PlainClientToServerHubKickAnswer = TypedDict("PlainClientToServerHubKickAnswer", {
})
PlainClientToServerHubKick = TypedDict("PlainClientToServerHubKick", {
    "payload": PlainClientToServerHubKickPayload,
    "answer": PlainClientToServerHubKickAnswer,
})
PlainClientToServerHubUpdateRoomPayload = TypedDict("PlainClientToServerHubUpdateRoomPayload", {
    "roomId": str,
    "changes": dict[str, Json],
})
PlainClientToServerHubUpdateRoomAnswer = TypedDict("PlainClientToServerHubUpdateRoomAnswer", {
    "room": dict[str, Json],
})
PlainClientToServerHubUpdateRoom = TypedDict("PlainClientToServerHubUpdateRoom", {
    "payload": PlainClientToServerHubUpdateRoomPayload,
    "answer": PlainClientToServerHubUpdateRoomAnswer,
})
PlainClientToServerHubRefreshTokenPayload = TypedDict("PlainClientToServerHubRefreshTokenPayload", {
    "token": str,
})
PlainClientToServerHubRefreshTokenAnswer = TypedDict("PlainClientToServerHubRefreshTokenAnswer", {
})
PlainClientToServerHubRefreshToken = TypedDict("PlainClientToServerHubRefreshToken", {
    "payload": PlainClientToServerHubRefreshTokenPayload,
    "answer": PlainClientToServerHubRefreshTokenAnswer,
})
PlainClientToServer = TypedDict("PlainClientToServer", {
    "hub:join": PlainClientToServerHubJoin,
    "hub:leave": PlainClientToServerHubLeave,
    "hub:members": PlainClientToServerHubMembers,
    "hub:send": PlainClientToServerHubSend,
    "hub:edit": PlainClientToServerHubEdit,
    "hub:delete": PlainClientToServerHubDelete,
    "hub:history": PlainClientToServerHubHistory,
    "hub:pending": PlainClientToServerHubPending,
    "hub:approve": PlainClientToServerHubApprove,
    "hub:reject": PlainClientToServerHubReject,
    "hub:restrictions": PlainClientToServerHubRestrictions,
    "hub:block": PlainClientToServerHubBlock,
    "hub:unblock": PlainClientToServerHubUnblock,
    "hub:silence": PlainClientToServerHubSilence,
    "hub:unsilence": PlainClientToServerHubUnsilence,
    "hub:requestSpeak": PlainClientToServerHubRequestSpeak,
    "hub:grantSpeak": PlainClientToServerHubGrantSpeak,
    "hub:denySpeak": PlainClientToServerHubDenySpeak,
    "hub:event": PlainClientToServerHubEvent,
    "hub:kick": PlainClientToServerHubKick,
    "hub:updateRoom": PlainClientToServerHubUpdateRoom,
    "hub:refreshToken": PlainClientToServerHubRefreshToken,
})

PlainServerToClientHubRoomUpdated = TypedDict("PlainServerToClientHubRoomUpdated", {
    "roomId": str,
    "record": dict[str, Json],
    "changes": NotRequired[dict[str, Json]],
})
PlainServerToClientHubRoomClosed = TypedDict("PlainServerToClientHubRoomClosed", {
    "roomId": str,
    "record": dict[str, Json],
    "changes": NotRequired[dict[str, Json]],
})
PlainServerToClientHubLeft = TypedDict("PlainServerToClientHubLeft", {
    "roomId": str,
    "reason": NotRequired[str],
})
PlainServerToClientHubKicked = TypedDict("PlainServerToClientHubKicked", {
    "roomId": str,
    "reason": NotRequired[str],
})
PlainServerToClientHubPermissions = TypedDict("PlainServerToClientHubPermissions", {
    "roomId": str,
    "hubRole": Union[PlainRole, Literal["system"], None],
    "permissions": PlainPermissions,
    "silenced": bool,
})
PlainServerToClientHubMessageArrived = TypedDict("PlainServerToClientHubMessageArrived", {
    "roomId": str,
    "message": PlainMessage,
    "sender": NotRequired[PlainSender],
})
PlainServerToClientHubMessageEdited = TypedDict("PlainServerToClientHubMessageEdited", {
    "roomId": str,
    "message": PlainMessage,
    "seq": int,
})
PlainServerToClientHubMessageDeleted = TypedDict("PlainServerToClientHubMessageDeleted", {
    "roomId": str,
    "messageId": str,
    "seq": Union[int, None],
})
PlainServerToClientHubSkipped = TypedDict("PlainServerToClientHubSkipped", {
    "roomId": str,
    "seqs": list[int],
})
PlainServerToClientHubMessagePending = TypedDict("PlainServerToClientHubMessagePending", {
    "roomId": str,
    "message": PlainMessage,
})
PlainServerToClientHubMessageRejected = TypedDict("PlainServerToClientHubMessageRejected", {
    "roomId": str,
    "messageId": str,
    "reason": NotRequired[str],
})
PlainServerToClientHubBlocked = TypedDict("PlainServerToClientHubBlocked", {
    "roomId": str,
    "reason": NotRequired[str],
})
PlainServerToClientHubSilenced = TypedDict("PlainServerToClientHubSilenced", {
    "roomId": str,
    "userId": str,
})
PlainServerToClientHubUnsilenced = TypedDict("PlainServerToClientHubUnsilenced", {
    "roomId": str,
    "userId": str,
})
PlainServerToClientHubSpeakRequested = TypedDict("PlainServerToClientHubSpeakRequested", {
    "roomId": str,
    "userId": str,
})
PlainServerToClientHubSpeakGranted = TypedDict("PlainServerToClientHubSpeakGranted", {
    "roomId": str,
    "userId": str,
})
PlainServerToClientHubSpeakDenied = TypedDict("PlainServerToClientHubSpeakDenied", {
    "roomId": str,
    "userId": str,
})
PlainServerToClientHubMemberJoined = TypedDict("PlainServerToClientHubMemberJoined", {
    "roomId": str,
    "record": dict[str, Json],
})
PlainServerToClientHubMemberLeft = TypedDict("PlainServerToClientHubMemberLeft", {
    "roomId": str,
    "record": dict[str, Json],
})
PlainServerToClientHubError = TypedDict("PlainServerToClientHubError", {
    "error": str,
    "code": ErrorCode,
    "event": str,
    "roomId": NotRequired[str],
    "retryAfterMs": NotRequired[int],
})
PlainServerToClientHubDraining = TypedDict("PlainServerToClientHubDraining", {
    "retryAfterMs": int,
})
PlainServerToClientHubSuperseded = TypedDict("PlainServerToClientHubSuperseded", {
    "clientId": str,
})
PlainServerToClientHubInvokeData = TypedDict("PlainServerToClientHubInvokeData", {
    "title": str,
})
PlainServerToClientHubInvoke = TypedDict("PlainServerToClientHubInvoke", {
    "type": Literal["confirm"],
    "data": PlainServerToClientHubInvokeData,
})
PlainServerToClient = TypedDict("PlainServerToClient", {
    "hub:joined": PlainJoined,
    "hub:history": PlainHistory,
    "hub:roomUpdated": PlainServerToClientHubRoomUpdated,
    "hub:roomClosed": PlainServerToClientHubRoomClosed,
    "hub:left": PlainServerToClientHubLeft,
    "hub:kicked": PlainServerToClientHubKicked,
    "hub:permissions": PlainServerToClientHubPermissions,
    "hub:messageArrived": PlainServerToClientHubMessageArrived,
    "hub:messageEdited": PlainServerToClientHubMessageEdited,
    "hub:messageDeleted": PlainServerToClientHubMessageDeleted,
    "hub:skipped": PlainServerToClientHubSkipped,
    "hub:messagePending": PlainServerToClientHubMessagePending,
    "hub:messageRejected": PlainServerToClientHubMessageRejected,
    "hub:blocked": PlainServerToClientHubBlocked,
    "hub:silenced": PlainServerToClientHubSilenced,
    "hub:unsilenced": PlainServerToClientHubUnsilenced,
    "hub:speakRequested": PlainServerToClientHubSpeakRequested,
    "hub:speakGranted": PlainServerToClientHubSpeakGranted,
    "hub:speakDenied": PlainServerToClientHubSpeakDenied,
    "hub:memberJoined": PlainServerToClientHubMemberJoined,
    "hub:memberLeft": PlainServerToClientHubMemberLeft,
    "hub:error": PlainServerToClientHubError,
    "hub:draining": PlainServerToClientHubDraining,
    "hub:superseded": PlainServerToClientHubSuperseded,
    "hub:invoke": PlainServerToClientHubInvoke,
})

Plain = TypedDict("Plain", {
    "serverToClient": PlainServerToClient,
    "clientToServer": PlainClientToServer,
    "content": PlainContent,
    "input": PlainInput,
    "message": PlainMessage,
    "role": PlainRole,
    "commands": PlainCommands,
    "channels": PlainChannels,
    "records": PlainRecords,
})

ToolsRole = Never

ToolsContent = TypedDict("ToolsContent", {
})

ToolsInput = TypedDict("ToolsInput", {
})

ToolsMessage = Never

ToolsCommandsAddPayload = TypedDict("ToolsCommandsAddPayload", {
    "a": int,
})
ToolsCommandsAddResult = TypedDict("ToolsCommandsAddResult", {
    "sum": int,
})
ToolsCommandsAdd = TypedDict("ToolsCommandsAdd", {
    "payload": ToolsCommandsAddPayload,
    "result": ToolsCommandsAddResult,
})
ToolsCommands = TypedDict("ToolsCommands", {
    "add": ToolsCommandsAdd,
})

ToolsChannels = TypedDict("ToolsChannels", {
})

ToolsRecords = TypedDict("ToolsRecords", {
})

ToolsClientToServerHubCommandPayloadPayload = TypedDict("ToolsClientToServerHubCommandPayloadPayload", {
    "a": int,
})
ToolsClientToServerHubCommandPayload = TypedDict("ToolsClientToServerHubCommandPayload", {
    "roomId": NotRequired[str],
    "requestId": NotRequired[str],
    "traceparent": NotRequired[Json],
    "command": Literal["add"],
    "payload": ToolsClientToServerHubCommandPayloadPayload,
})
ToolsClientToServerHubCommandAnswer = TypedDict("ToolsClientToServerHubCommandAnswer", {
    "result": Json,
})
ToolsClientToServerHubCommand = TypedDict("ToolsClientToServerHubCommand", {
    "payload": ToolsClientToServerHubCommandPayload,
    "answer": ToolsClientToServerHubCommandAnswer,
})
ToolsClientToServerAddPayload = TypedDict("ToolsClientToServerAddPayload", {
    "a": int,
    "requestId": NotRequired[str],
})
ToolsClientToServerAddAnswerResult = TypedDict("ToolsClientToServerAddAnswerResult", {
    "sum": int,
})
ToolsClientToServerAddAnswer = TypedDict("ToolsClientToServerAddAnswer", {
    "result": ToolsClientToServerAddAnswerResult,
})
ToolsClientToServerAdd = TypedDict("ToolsClientToServerAdd", {
    "payload": ToolsClientToServerAddPayload,
    "answer": ToolsClientToServerAddAnswer,
})
ToolsClientToServerPing = TypedDict("ToolsClientToServerPing", {
    "payload": NotRequired[Json],
    "answer": Json,
})
ToolsClientToServer = TypedDict("ToolsClientToServer", {
    "hub:command": ToolsClientToServerHubCommand,
    "add": ToolsClientToServerAdd,
    "ping": ToolsClientToServerPing,
})

ToolsServerToClient = TypedDict("ToolsServerToClient", {
})

Tools = TypedDict("Tools", {
    "serverToClient": ToolsServerToClient,
    "clientToServer": ToolsClientToServer,
    "content": ToolsContent,
    "input": ToolsInput,
    "message": ToolsMessage,
    "role": ToolsRole,
    "commands": ToolsCommands,
    "channels": ToolsChannels,
    "records": ToolsRecords,
})
