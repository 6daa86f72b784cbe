/* Message types, built-in and custom, and what a message can carry. */
#include "schema/table.h"

#define RAW(FIELD) HUB_OFFSET(struct hub_raw, FIELD)
#define TYPE(FIELD) HUB_OFFSET(struct hub_def_message_type, FIELD)
#define FIELD(NAME) HUB_OFFSET(struct hub_def_field, NAME)
#define DIGITS_OF(NUMBER) #NUMBER
#define DIGITS(NUMBER) DIGITS_OF(NUMBER)

const struct hub_words hub_words_message_type[] = {
    {"text", "Plain text message."},
    {"image", "Image with optional thumbnail and caption."},
    {"video", "Video with optional thumbnail and caption."},
    {"audio", "Audio or voice message."},
    {"document", "File."},
    {"sticker", "Sticker image."},
    {"contact", "Shared contact card."},
    {"location", "Location pin."},
    {"system", "Auto-generated message: member joined, room renamed."},
    {0},
};

/* Contents of the built-in types, in the order above. */
#define REQ(NAME, TYPE) \
    { .name = NAME, .type = HUB_FIELD_##TYPE, .required = true }
#define OPT(NAME, TYPE) \
    { .name = NAME, .type = HUB_FIELD_##TYPE }
static const struct hub_def_field text[] = {REQ("body", TEXT)};
static const struct hub_def_field image[] = {REQ("mediaUrl", TEXT), OPT("thumbnail", TEXT), OPT("caption", TEXT),
                                             OPT("width", INTEGER), OPT("height", INTEGER)};
static const struct hub_def_field video[] = {REQ("mediaUrl", TEXT), OPT("thumbnail", TEXT), OPT("caption", TEXT),
                                             OPT("duration", DECIMAL)};
static const struct hub_def_field audio[] = {REQ("mediaUrl", TEXT), OPT("duration", DECIMAL), OPT("waveform", JSON)};
static const struct hub_def_field document[] = {REQ("mediaUrl", TEXT), OPT("fileName", STRING),
                                                OPT("fileSize", INTEGER), OPT("mimeType", STRING)};
static const struct hub_def_field sticker[] = {REQ("stickerUrl", TEXT), OPT("stickerPackId", ID)};
static const struct hub_def_field contact[] = {REQ("contactName", STRING), OPT("contactPhone", STRING),
                                               OPT("contactUserId", ID)};
static const struct hub_def_field location[] = {REQ("lat", DECIMAL), REQ("lng", DECIMAL), OPT("address", TEXT),
                                                OPT("label", STRING)};
static const struct hub_def_field system_[] = {REQ("systemAction", STRING), OPT("systemData", JSON)};
#define CONTENT(FIELDS) \
    { FIELDS, sizeof(FIELDS) / sizeof *(FIELDS) }
const struct hub_content hub_contents[] = {CONTENT(text),    CONTENT(image),    CONTENT(video),
                                           CONTENT(audio),   CONTENT(document), CONTENT(sticker),
                                           CONTENT(contact), CONTENT(location), CONTENT(system_)};

const struct hub_words hub_words_field_type[] = {
    {"String", "Short text, up to 255 characters."},
    {"Text", "Long-form text."},
    {"Integer", "Whole number."},
    {"Decimal", "Floating-point number."},
    {"Boolean", "True or false."},
    {"ID", "UUID or ObjectId; what `format` says in a message, any text of 1 to 255 bytes in a DataObject."},
    {"DateTime", "ISO 8601 date-time: `YYYY-MM-DDTHH:MM`, then, if wanted, `:SS`, `.` and up to nine digits, and `Z` "
                 "or `+HH:MM`; UTC without a zone."},
    {"Enum", "One of enumValues."},
    {"JSON", "Any JSON object or array."},
    {0},
};

static const struct hub_words id_formats[] = {
    {"any", "A text of 1 to 255 bytes without NUL: what ids of rooms and users are."},
    {"reference", "A UUID of 36 characters or an ObjectId of 24 hexadecimal digits."},
    {0},
};

static const struct hub_row field[] = {
    {"name", HUB_KIND_NAME, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, FIELD(name), .rule = HUB_NAME_IDENTIFIER,
     .example = "piece", .help = "Name of the field."},
    {"fieldType", HUB_KIND_WORD, HUB_ROW_REQUIRED, FIELD(type), .words = hub_words_field_type, .alias = "type",
     .help = "Type of the field's values."},
    {"list", HUB_KIND_BOOL, .offset = FIELD(list), .fallback = "false",
     .help = "The value is a list, possibly empty, of values of that type."},
    {"required", HUB_KIND_BOOL, .offset = FIELD(required), .fallback = "false", .help = "The field must be there."},
    {"description", HUB_KIND_TEXT, .offset = FIELD(description), .help = "What the field is for, for documentation."},
    {"enumValues", HUB_KIND_STRINGS, HUB_ROW_UNIQUE | HUB_ROW_AS_WRITTEN, .offset = FIELD(enum_values),
     .example = "pawn,rook,knight", .help = "Allowed values when fieldType is Enum."},
    {"defaultValue", HUB_KIND_VALUE, .offset = FIELD(default_value), .help = "Value where the field is absent."},
    {"format", HUB_KIND_WORD, .offset = FIELD(id_format), .words = id_formats, .fallback = "reference",
     .help = "What a field of type ID takes: `reference` a UUID or an ObjectId, `any` any text of 1 to 255 bytes."},
    {"fields", HUB_KIND_LIST, .offset = FIELD(fields), .count = FIELD(field_n), .table = &hub_fields_field,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_DATA,
     .help = "Fields of the object that a field of type JSON is, with `list` of each object; at most " DIGITS(
         HUB_FIELD_DEPTH) " levels deep. Without fields it is any object or array."},
    {0},
};
const struct hub_fields hub_fields_field = {"HubCustomField", sizeof(struct hub_def_field), field,
                                            "A field of a message's content, or of a command's payload or result."};

static const struct hub_row custom[] = {
    {"name", HUB_KIND_NAME, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, TYPE(name), .rule = HUB_NAME_CODE,
     .example = "chessMove", .help = "Unique name of the type; must differ from the built-in types."},
    {"description", HUB_KIND_TEXT, .offset = TYPE(description),
     .help = "What the type represents and when it is used."},
    {"fields", HUB_KIND_LIST, .offset = TYPE(fields), .count = TYPE(field_n), .table = &hub_fields_field,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_DATA,
     .help = "Fields of the content; a type without fields accepts any object."},
    {"compress", HUB_KIND_BOOL, .offset = TYPE(compress), .fallback = "true",
     .help = "False: what is broadcast stays as it is where listen.compression is on."},
    {0},
};
static const struct hub_fields table_custom = {"HubCustomMessageType", sizeof(struct hub_def_message_type), custom,
                                               "An app-specific message type."};

static const struct hub_row message[] = {
    {"dataObjectName", HUB_KIND_NAME, .offset = RAW(def.data_object_name), .rule = HUB_NAME_IDENTIFIER,
     .max = HUB_SQL_NAME_MAX, .fallback_note = "{hubName}Message", .example = "ChatHubMessage",
     .breaks = HUB_BREAKS_DATA, .help = "Name of the generated DataObject that holds the messages."},
    {"messageTypes", HUB_KIND_WORDS, HUB_ROW_UNIQUE, .offset = RAW(builtin_types), .words = hub_words_message_type,
     .fallback = "text", .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS,
     .help = "Built-in message types that the hub supports."},
    {"enableReplyTo", HUB_KIND_BOOL, .offset = RAW(def.enable_reply_to), .fallback = "false",
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS, .help = "Messages can refer to one they reply to."},
    {"enableReaction", HUB_KIND_BOOL, .offset = RAW(def.enable_reaction), .fallback = "false",
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS, .help = "Messages can carry emoji reactions."},
    {"enableForwarded", HUB_KIND_BOOL, .offset = RAW(def.enable_forwarded), .fallback = "false",
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS, .help = "Messages can be marked as forwarded."},
    {"customMessageTypes", HUB_KIND_LIST, .offset = RAW(custom_types), .count = RAW(custom_type_n),
     .table = &table_custom, .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_DATA,
     .help = "App-specific message types with typed fields."},
    {0},
};
const struct hub_fields hub_fields_message = {"HubMessageSettings", 0, message,
                                              "Controls message structure and persistence."};
